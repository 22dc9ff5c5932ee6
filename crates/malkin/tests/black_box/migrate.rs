//! `malkin migrate`: a running server's corpus, taken over in pieces, also when it is interrupted or answers nonsense.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output};

use crate::report::report;
use crate::server::Server;
use crate::verify::verify;

fn migrate(from: &str, data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MCRIT_CLI_APITOKEN", "MALKIN_SERVER", "MALKIN_TOKEN", "MALKIN_DATA"] {
        command.env_remove(name);
    }
    command.args(["migrate", "--from", from, "--data"]).arg(data).output().unwrap()
}

fn add(server: &Server, name: &str, family: &str, seed: u64, functions: u64) {
    let answer = server.post_json("/samples", &report(name, family, seed, functions));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn what_is_missing_is_taken_over_and_counted() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = new.path().join("data");
    let source = Server::start(old.path(), &[]);
    for number in 0..12 {
        add(
            &source,
            &format!("s{number}"),
            ["alpha", "beta", ""][number as usize % 3],
            number * 50,
            20 + number,
        );
    }
    let output = migrate(source.base(), &data);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(table.matches("equal").count(), 3, "{table}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("12 samples with 306 functions"));

    // Later the source has grown: only that is asked for.
    add(&source, "late", "gamma", 9000, 7);
    let output = migrate(source.base(), &data);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(
        notes.contains("12 of 13 samples are already present") && notes.contains("1 sample with 7 functions"),
        "{notes}"
    );
    assert_eq!(verify(&data).0, Some(0));

    let target = Server::start(&data, &[]);
    for path in ["/samples", "/families"] {
        assert_eq!(target.get(path).body["data"], source.get(path).body["data"], "{path}");
    }
}

#[test]
fn through_a_server_too() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (source, target) = (Server::start(old.path(), &[]), Server::start(new.path(), &[]));
    add(&source, "a", "alpha", 1, 30);
    let output = Command::new(env!("CARGO_BIN_EXE_malkin"))
        .args(["migrate", "--from", source.base(), "--server", target.base()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(target.get("/samples").body["data"], source.get("/samples").body["data"]);
}

/// A server that gives one answer to everything.
fn nonsense(answer: &'static str) -> String {
    answers(answer, 20)
}

/// A server that says the same to everything, so many times, and is gone then.
fn answers(answer: &'static str, times: usize) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(times) {
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(answer.as_bytes()));
        }
    });
    format!("http://{address}")
}

#[test]
fn a_server_that_is_none_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    for answer in [
        "<html>hello</html>",
        r#"{"status": "successful", "data": []}"#,
        r#"{"status": "successful", "data": {"x": {"sha256": "00"}}}"#,
        r#"{"status": "successful", "data": {"1": {}}}"#,
        r#"{"status": "failed", "data": {"message": "no"}}"#,
    ] {
        let output = migrate(&nonsense(answer), &folder.path().join("data"));
        assert_eq!(output.status.code(), Some(1), "{answer}: {output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("error"), "{answer}");
    }
    // A list with one sample whose export is something else: the sample fails, the rest of the answer is used.
    let listed = r#"{"status": "successful", "data": {"1": {"sha256": "00", "statistics": {"num_functions": 3}}, "status": {}}}"#;
    let output = migrate(&nonsense(listed), &folder.path().join("data"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_server_that_is_gone_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let listed = r#"{"status": "successful", "data": {"1": {"sha256": "00", "statistics": {"num_functions": 3}},
        "2": {"sha256": "01", "statistics": {"num_functions": 3}}, "3": {"sha256": "02", "statistics": {"num_functions": 3}}}}"#;
    let output = migrate(&answers(listed, 1), &folder.path().join("data"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    assert!(said.contains("stopped after 0 samples") && said.contains("rerun the same command"), "{said}");
}
