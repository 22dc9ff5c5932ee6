//! Every golden report is read, written and read again; nesting depth and components of every function are compared with
//! what SMDA stored.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use malkin_report::cfg::{nesting_depth, strongly_connected_components};
use serde_json::Value;

fn golden_reports() -> Option<Vec<PathBuf>> {
    let mut files =
        malkin_testkit::files_in(malkin_testkit::shared("codehash/golden/public/smda")?, ".smda.gz");
    files.extend(malkin_testkit::files_in(malkin_testkit::shared("disasm/golden/public")?, ".smda.gz"));
    Some(files)
}

/// What reading changes on purpose, as SMDA does: empty lists of successors, names of sections, and string references of
/// Dalvik, which are a list even when there are none.
fn normalised(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    if let Some(sections) = fields.get_mut("code_sections") {
        sections.as_array_mut().unwrap().iter_mut().for_each(|section| section[0] = Value::from(""));
    }
    let is_dalvik = fields["architecture"] == "dalvik";
    for function in fields["xcfg"].as_object_mut().unwrap().values_mut() {
        let starts: Vec<String> = function["blocks"].as_object().unwrap().keys().cloned().collect();
        let refs = function["blockrefs"].as_object_mut().unwrap();
        for start in starts {
            refs.entry(start).or_insert_with(|| Value::Array(Vec::new()));
        }
        let strings = &mut function["stringrefs"];
        if is_dalvik && strings.as_object().is_some_and(serde_json::Map::is_empty) {
            *strings = Value::Array(Vec::new());
        }
    }
    report
}

/// Fields that old reports lack and new ones state, with the value that stands for absence.
fn assert_same(stated: &Value, written: &Value, path: &str) {
    match (stated, written) {
        (Value::Object(stated), Value::Object(written)) => {
            for (key, value) in stated {
                let other = written.get(key).unwrap_or(&Value::Null);
                assert_same(value, other, &format!("{path}.{key}"));
            }
            for (key, value) in written.iter().filter(|(key, _)| !stated.contains_key(*key)) {
                let is_default = matches!(value, Value::Null | Value::Bool(false))
                    || value.as_str() == Some("")
                    || value.as_object().is_some_and(serde_json::Map::is_empty);
                assert!(is_default, "{path}.{key} was added: {value}");
            }
        }
        (Value::Array(stated), Value::Array(written)) => {
            assert_eq!(stated.len(), written.len(), "{path}");
            stated.iter().zip(written).for_each(|(a, b)| assert_same(a, b, path));
        }
        (Value::Null, written) => {
            let is_default = matches!(written, Value::Null | Value::Bool(false))
                || written.as_str() == Some("")
                || written.as_object().is_some_and(serde_json::Map::is_empty)
                || written.as_array().is_some_and(Vec::is_empty);
            assert!(is_default, "{path}: null became {written}");
        }
        // The format version of a DEX file is stated as a number and kept as text.
        (Value::Number(number), Value::String(text)) if path == ".metadata.version" => {
            assert_eq!(&number.to_string(), text);
        }
        (Value::Number(a), Value::Number(b)) => assert_eq!(a.as_f64(), b.as_f64(), "{path}"),
        _ => assert_eq!(stated, written, "{path}"),
    }
    if let (Value::Number(a), Value::Number(b)) = (stated, written) {
        assert_eq!(a.as_u64().is_some(), b.as_u64().is_some(), "{path}");
        assert_eq!(a.as_u64(), b.as_u64(), "{path}");
    }
}

#[test]
fn golden_reports_survive_reading_and_writing() {
    let Some(files) = golden_reports() else { return };
    let mut identical = 0;
    for file in &files {
        let bytes = malkin_testkit::gunzip_file(file);
        let report =
            malkin_wire::read_report(&bytes).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let text = malkin_wire::write_report(&report);
        let mut again = malkin_wire::read_report(&text).unwrap();
        assert!(again == report, "{} has changed", file.display());
        again = malkin_wire::read_report(&malkin_wire::write_report_compact(&report)).unwrap();
        assert!(again == report, "{} has changed", file.display());
        if bytes.len() < 4 << 20 {
            let stated = normalised(serde_json::from_slice(&bytes).unwrap());
            let mut written: Value = serde_json::from_slice(&text).unwrap();
            assert_same(&stated, &written, "");
            written.sort_all_objects();
            identical += usize::from(serde_json::to_vec(&written).unwrap() == bytes);
        }
    }
    println!(
        "{} reports read, written and read; {identical} written byte for byte as they were but for the order of addresses",
        files.len()
    );
    assert!(files.len() >= if malkin_testkit::has_shared() { 34 } else { 30 } && identical > 0);
}

#[test]
fn functions_survive_as_objects_of_their_own() {
    let Some(files) = golden_reports() else { return };
    let mut text = Vec::new();
    let mut count = 0;
    for file in &files {
        let bytes = malkin_testkit::gunzip_file(file);
        if bytes.len() > 4 << 20 {
            continue;
        }
        for function in malkin_wire::read_report(&bytes).unwrap().functions {
            text.clear();
            malkin_wire::function_to_json(&function, &mut text);
            assert!(
                malkin_wire::function_from_json(&text).unwrap() == function,
                "{} {}",
                file.display(),
                function.offset
            );
            count += 1;
        }
    }
    println!("{count} functions written and read");
    assert!(count > 1000);
}

#[test]
fn graph_measures_equal_the_stored_ones() {
    let Some(files) = golden_reports() else { return };
    let (mut functions, mut unequal_components) = (0, 0);
    for file in files {
        let report = malkin_wire::read_report(&malkin_testkit::gunzip_file(&file)).unwrap();
        for function in &report.functions {
            let at = function.offset;
            if let Some(depth) = function.metadata.nesting_depth {
                assert_eq!(nesting_depth(function), depth, "{} {at}", file.display());
            }
            let stored = &function.metadata.strongly_connected_components;
            if &strongly_connected_components(&function.blockrefs) != stored {
                // Reports of SMDA 1.5 leave the list empty for some functions of one block.
                assert!(stored.is_empty() && function.num_blocks() == 1, "{} {at}", file.display());
                unequal_components += 1;
            }
            functions += 1;
        }
    }
    println!("{functions} functions, {unequal_components} with an empty list of components");
    assert!(functions > 35_000 && unequal_components <= 4);
}
