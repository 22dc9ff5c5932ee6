//! Input made to break things: a clear refusal, quickly, and nothing stored.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::report::report;
use crate::server::Server;

/// Time a refusal may take; test builds are slower than the product, and the machine may be busy.
const PROMPT: Duration = Duration::from_secs(10);

fn hostile_documents() -> Vec<(&'static str, Vec<u8>)> {
    let sound = report("x.exe", "f", 3, 4).to_string();
    let long_number = sound.replacen("\"oep\":0", &format!("\"oep\":{}", "9".repeat(5_000_000)), 1);
    assert_ne!(long_number, sound);
    vec![
        ("truncated", sound.as_bytes()[..sound.len() / 2].to_vec()),
        ("wrong type", sound.replacen("\"bitness\":32", "\"bitness\":\"32\"", 1).into_bytes()),
        ("boolean as integer", sound.replacen("\"bitness\":32", "\"bitness\":true", 1).into_bytes()),
        ("long number", long_number.into_bytes()),
        ("negative address", sound.replacen("\"base_addr\":4194304", "\"base_addr\":-1", 1).into_bytes()),
        ("deep nesting", [b"[".repeat(1_000_000), b"]".repeat(1_000_000)].concat()),
        (
            "deep inside",
            sound
                .replacen(
                    "\"disassembly_errors\":{}",
                    &format!("\"disassembly_errors\":{}{}", "{\"a\":".repeat(100_000), "1"),
                    1,
                )
                .into_bytes(),
        ),
        ("duplicate key", sound.replacen("\"bitness\":32", "\"bitness\":32,\"bitness\":64", 1).into_bytes()),
        (
            "invalid utf-8",
            sound
                .replacen("made by a test", "made by \u{1}", 1)
                .replace('\u{1}', "?")
                .into_bytes()
                .iter()
                .map(|b| if *b == b'?' { 0xff } else { *b })
                .collect(),
        ),
        ("not a number", sound.replacen("\"tfidf\":-1.5", "\"tfidf\":NaN", 1).into_bytes()),
        ("no report", b"{}".to_vec()),
        ("a list", b"[1, 2]".to_vec()),
        ("nothing but blanks", b"   ".to_vec()),
        ("no statistics", sound.replacen("\"statistics\"", "\"statistics_\"", 1).into_bytes()),
    ]
}

#[test]
fn hostile_reports_are_refused_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (name, document) in hostile_documents() {
        let started = Instant::now();
        let answer = server.send("POST", "/samples", &[("content-type", "application/json")], &document);
        assert_eq!(answer.status, 400, "{name}: {answer:?}");
        let text = answer.body.to_string();
        assert!(text.len() < 2000, "{name}: the message repeats the input");
        assert!(started.elapsed() < PROMPT, "{name}");
    }
    let status = server.get("/status").body["data"]["status"].take();
    assert_eq!(
        (&status["num_samples"], &status["num_functions"], &status["num_families"]),
        (&0.into(), &0.into(), &1.into())
    );
    let sound = server.post_json("/samples", &report("x.exe", "f", 3, 4));
    assert_eq!(sound.body["data"]["sample_info"]["sample_id"], 0, "refused reports use no number up");
}

#[test]
fn bodies_beyond_the_limit_are_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--max-body", "1"]);
    let answer =
        server.send("POST", "/samples", &[("content-type", "application/json")], &vec![b' '; 3 << 20]);
    assert_eq!(answer.status, 413);
    assert_eq!(server.get("/version").status, 200);
}

#[test]
fn hostile_queries_fail_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for (name, document) in hostile_documents() {
        let answer = server.send("POST", "/query", &[("content-type", "application/json")], &document);
        match answer.status {
            400 => {}
            200 => {
                // JSON, but no report: the job says so.
                let job = server.await_job(answer.body["data"].as_str().unwrap());
                assert_eq!(job["attempts_left"], 0, "{name}: {job}");
                assert!(
                    job["last_error"]
                        .as_str()
                        .is_some_and(|error| !error.is_empty() && !error.contains("crashed")),
                    "{name}: {job}"
                );
            }
            status => panic!("{name}: {status}"),
        }
    }
    assert_eq!(server.get("/samples/-1").status, 404, "nothing of a failed query is kept");
}

fn malkin(data: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_malkin")).args(arguments).arg("--data").arg(data).output();
    output.expect("malkin runs")
}

#[test]
fn hostile_files_are_refused_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut cases = hostile_documents();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(report("x.exe", "f", 3, 4).to_string().as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    cases.push(("truncated gzip", gzip[..gzip.len() / 2].to_vec()));
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..100 {
        bomb.write_all(&vec![b'9'; 1 << 20]).unwrap();
    }
    cases.push(("gzip bomb", bomb.finish().unwrap()));
    cases.push(("executable", b"MZ\x90\x00rest".to_vec()));
    cases.push(("empty", Vec::new()));
    for (name, document) in cases {
        let path = folder.path().join("input");
        std::fs::write(&path, document).unwrap();
        let started = Instant::now();
        let output = malkin(&data, &["submit", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.starts_with("error: ") && error.len() < 2000 && !error.contains("panicked"),
            "{name}: {error}"
        );
        assert!(started.elapsed() < PROMPT, "{name}");
    }
    let status = malkin(&data, &["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["num_samples"], 0);
}
