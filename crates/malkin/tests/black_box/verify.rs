//! `malkin verify`: what is sound is said to be, what is damaged is found, named and mended.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::report::report;

fn malkin(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MALKIN_SERVER", "MALKIN_DATA"] {
        command.env_remove(name);
    }
    command.args(arguments).arg("--data").arg(data).output().unwrap()
}

/// Checks a data directory and answers exit status and findings.
pub(crate) fn verify(data: &Path) -> (Option<i32>, Value) {
    let output = malkin(data, &["verify", "--format", "json"]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    (output.status.code(), report)
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(data.join("index")).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "segment")).collect()
}

#[test]
fn a_sound_directory_is_said_to_be_sound_and_a_damaged_segment_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let path = folder.path().join("large.json");
    std::fs::write(&path, report("large", "alpha", 7, 1500).to_string()).unwrap();
    let submitted = malkin(&data, &["submit", path.to_str().unwrap()]);
    assert_eq!(submitted.status.code(), Some(0), "{submitted:?}");

    let (status, report) = verify(&data);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!((&report["index"]["functions"], &report["index"]["equal"]), (&1500.into(), &true.into()));
    assert_eq!(report["index"]["findings"].as_array().map(Vec::len), Some(0));
    let table = malkin(&data, &["verify"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(table.contains("index equal to a rebuilt one") && table.contains("sound"), "{table}");

    let segment = segments(&data).remove(0);
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (status, report) = verify(&data);
    assert_eq!(status, Some(0), "mended at the start: {report}");
    let finding = report["index"]["findings"][0].as_str().unwrap();
    assert!(finding.contains(".segment") && finding.contains("checksum"), "{finding}");
    assert_eq!(report["index"]["equal"], true);
    let (_, report) = verify(&data);
    assert_eq!(report["index"]["findings"].as_array().map(Vec::len), Some(0), "{report}");
}

#[test]
fn a_directory_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nowhere");
    let output = malkin(&data, &["verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no such data directory"));
    assert!(!data.exists());
}
