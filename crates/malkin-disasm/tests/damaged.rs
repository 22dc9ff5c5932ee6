//! Executables with a damaged header against the report of SMDA 5.0.1: every field of the report and of every function. Origin of the
//! files: `fixtures/damaged/README.md`.

#![expect(clippy::unwrap_used, reason = "the files are ours; a test panics when they are not as expected")]

use malkin_disasm::{Limits, disassemble};
use malkin_loader::{LoadOptions, load};
use malkin_testkit::{fixture, gunzip_file, json_gz};
use serde_json::Value;

/// What the caller of the library fills in, or what depends on the clock.
const CALLERS: [&str; 8] =
    ["execution_time", "timestamp", "message", "sha256", "md5", "sha1", "metadata", "xcfg"];

/// Names of what differs.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let fields = theirs.as_object().unwrap().keys().filter(|field| !CALLERS.contains(&field.as_str()));
    let mut found: Vec<String> =
        fields.filter(|&field| ours[field] != theirs[field]).map(|field| format!("report {field}")).collect();
    let (mine, others) = (ours["xcfg"].as_object().unwrap(), theirs["xcfg"].as_object().unwrap());
    found.extend(
        mine.keys().filter(|&start| !others.contains_key(start)).map(|start| format!("extra {start}")),
    );
    for (start, function) in others {
        match mine.get(start) {
            None => found.push(format!("missing {start}")),
            Some(own) => {
                let fields = function.as_object().unwrap().keys();
                found.extend(
                    fields
                        .filter(|&field| own[field] != function[field])
                        .map(|field| format!("{start} {field}")),
                );
            }
        }
    }
    found
}

#[test]
fn damaged_headers_are_read_as_smda_reads_them() {
    let folder = fixture("damaged");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".bin.gz") else { continue };
        let image = load(&gunzip_file(folder.join(format!("{name}.bin.gz"))), &LoadOptions::file()).unwrap();
        let report = disassemble(&image, Limits::default(), &|| true);
        let ours: Value = serde_json::from_slice(malkin_wire::write_report(&report).as_ref()).unwrap();
        let theirs = json_gz(folder.join(format!("{name}.smda.gz")));
        assert_eq!(differences(&ours, &theirs), Vec::<String>::new(), "{name}");
        files += 1;
    }
    assert_eq!(files, 15);
}
