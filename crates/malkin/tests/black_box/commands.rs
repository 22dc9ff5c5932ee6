//! The commands on a data directory and on a server.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::report::report;
use crate::server::Server;

fn malkin(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MCRIT_CLI_APITOKEN", "MALKIN_SERVER", "MALKIN_TOKEN", "MALKIN_DATA"] {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("malkin runs")
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).expect("output is text")
}

fn write(folder: &Path, name: &str, family: &str, seed: u64, functions: u64) -> String {
    let path = folder.join(name);
    std::fs::write(&path, report(name, family, seed, functions).to_string()).expect("the report is written");
    path.to_str().expect("a plain path").to_owned()
}

#[test]
fn submit_query_match_and_status_on_a_data_directory() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let reports = folder.path().join("reports");
    std::fs::create_dir(&reports).unwrap();
    write(&reports, "a.json", "alpha", 7, 30);
    write(&reports, "b.json", "beta", 500, 20);
    let submitted = malkin(&["submit", reports.to_str().unwrap(), "--version", "9", "--data", &data]);
    assert_eq!(submitted.status.code(), Some(0), "{submitted:?}");
    assert!(
        text(&submitted.stdout).starts_with("2 new samples with 50 functions, 0 known, 0 failed"),
        "{submitted:?}"
    );

    let unknown = write(folder.path(), "c.json", "", 7, 15);
    let table = malkin(&["query", &unknown, "--data", &data]);
    let table = text(&table.stdout);
    assert!(table.contains("15 of 15 functions seen before"), "{table}");
    assert!(table.contains("alpha") && !table.contains("beta") && table.contains("100.0"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours in a pipe");

    let json = malkin(&["query", &unknown, "--format", "json", "--data", &data]);
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["info"]["type"], "matcher_query");
    assert_eq!(json["matches"]["samples"][0]["version"], "9");

    let matched = malkin(&["match", "1", "0", "--format", "json", "--data", &data]);
    let matched: Value = serde_json::from_slice(&matched.stdout).unwrap();
    assert_eq!(matched["info"]["job"]["parameters"], "MatcherVs(1, 0)");

    let status = malkin(&["status", "--format", "json", "--data", &data]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (&status["num_samples"], &status["num_functions"], &status["num_families"]),
        (&2.into(), &50.into(), &3.into())
    );
    let missing = malkin(&["match", "77", "--data", &data]);
    assert_eq!((missing.status.code(), text(&missing.stderr)), (Some(1), "error: there is no sample 77\n"));
}

#[test]
fn the_same_commands_work_on_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"), &["--token", "t"]);
    let on_server = ["--server", server.base(), "--token", "t"];
    let a = write(folder.path(), "a.json", "alpha", 7, 30);
    let submitted = malkin(&[&["submit", &a, "--family", "renamed"][..], &on_server].concat());
    assert!(text(&submitted.stdout).starts_with("1 new sample with 30 functions"), "{submitted:?}");
    let query = malkin(&[&["query", &a, "--format", "json"][..], &on_server].concat());
    let query: Value = serde_json::from_slice(&query.stdout).unwrap();
    assert_eq!(query["matches"]["samples"][0]["family"], "renamed");
    let matched = malkin(&[&["match", "0"][..], &on_server].concat());
    assert!(text(&matched.stdout).contains("0 of 30 functions seen before"), "{matched:?}");
    let status = malkin(&[&["status"][..], &on_server].concat());
    assert!(text(&status.stdout).contains("functions"), "{status:?}");
    let refused = malkin(&["status", "--server", server.base()]);
    assert!(text(&refused.stderr).contains("Please provide an auth token"), "{refused:?}");
}

#[test]
fn hash_prints_one_line_a_function_in_ascending_order() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(folder.path(), "a.json", "alpha", 7, 12);
    let output = malkin(&["hash", &a]);
    let lines: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 12);
    let offsets: Vec<u64> = lines.iter().map(|line| line["offset"].as_u64().unwrap()).collect();
    assert!(offsets.is_sorted());
    for line in &lines {
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["offset", "num_instructions", "num_blocks", "pichash", "minhash"]);
        assert_eq!(line["num_instructions"], 30);
        assert!(line["pichash"].is_u64());
        assert_eq!(line["minhash"].as_str().map(str::len), Some(128));
    }
}

#[test]
fn a_dash_is_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let a = write(folder.path(), "a.json", "alpha", 7, 12);
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    let piped = command.args(["hash", "-"]).stdin(std::fs::File::open(&a).unwrap()).output().unwrap();
    assert_eq!(piped.stdout, malkin(&["hash", &a]).stdout);
    assert_eq!(piped.status.code(), Some(0));
}

#[test]
fn some_inputs_failing_is_partly_done_and_wrong_usage_is_2() {
    let folder = tempfile::tempdir().unwrap();
    let good = write(folder.path(), "a.json", "alpha", 7, 3);
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let partly = malkin(&["submit", &good, "/nonexistent/report", "--data", &data]);
    assert_eq!(partly.status.code(), Some(3));
    assert!(text(&partly.stderr).contains("cannot read /nonexistent/report"), "{partly:?}");
    assert_eq!(malkin(&["query"]).status.code(), Some(2));
    assert_eq!(malkin(&["frobnicate"]).status.code(), Some(2));
}

#[test]
fn an_export_is_hashed_sample_by_sample() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let data = path("data");
    let reports =
        [write(folder.path(), "a.json", "alpha", 7, 30), write(folder.path(), "b.json", "", 500, 20)];
    let mut expected = String::new();
    for report in &reports {
        assert_eq!(malkin(&["submit", report, "--data", &data]).status.code(), Some(0));
        expected += text(&malkin(&["hash", report]).stdout);
    }
    for compress in [&[][..], &["--compress"]] {
        let file = path("all.mcrit");
        let export = [&["export", "-o", &file, "--data", &data][..], compress].concat();
        assert_eq!(malkin(&export).status.code(), Some(0));
        let hashed = malkin(&["hash", &file]);
        assert_eq!(
            (hashed.status.code(), text(&hashed.stdout)),
            (Some(0), expected.as_str()),
            "{compress:?}"
        );
    }
    std::fs::write(path("none.mcrit"), "{}").unwrap();
    let refused = malkin(&["hash", &path("none.mcrit")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("none.mcrit"), "{refused:?}");
}
