//! What strangers wrote never steers the terminal: names in reports, files and databases, and every answer of a hostile server, in
//! tables, Markdown, JSON, errors, usage errors and the log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::report::report;
use crate::server::Server;

/// Begins a line of its own if a line break gets through.
const INJECTED: &str = "INJECTED";
/// Pieces of hostile names: escape sequences, controls, line breaks, text direction, hidden characters, Markdown, HTML.
const PIECES: [&str; 20] = [
    "\u{1b}[31m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}[2J",
    "\u{9b}31m",
    "\u{9d}0;t\u{9c}",
    "\u{8}",
    "\u{7f}",
    "\nINJECTED",
    "\r\nINJECTED",
    "\u{2028}INJECTED",
    "\u{85}INJECTED",
    "\u{202e}gpj",
    "\u{2066}",
    "\u{200f}",
    "\u{200b}",
    "<img src=x onerror=alert(1)>",
    "|x|",
    "![a](http://e.example)",
    "`b`",
    "name",
];

/// Hostile names from a seed.
struct Names(u64);

impl Names {
    fn next(&mut self) -> String {
        (0..6).map(|_| self.piece()).collect::<String>() + "\nINJECTED"
    }

    fn piece(&mut self) -> &'static str {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        PIECES[(self.0 >> 33) as usize % PIECES.len()]
    }
}

fn malkin(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in ["MCRIT_CLI_SERVER", "MCRIT_CLI_APITOKEN", "MALKIN_SERVER", "MALKIN_TOKEN", "MALKIN_DATA"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null()).output().expect("malkin runs")
}

/// Characters that no output may hold, apart from the line feeds that end its lines.
fn steers(character: char) -> bool {
    let code = u32::from(character);
    character != '\n'
        && (character.is_control()
            || [0xad, 0x61c, 0xfeff].contains(&code)
            || (0x200b..=0x200f).contains(&code)
            || (0x2028..=0x202e).contains(&code)
            || (0x2060..=0x206f).contains(&code))
}

fn assert_harmless(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what}: {bytes:?}"));
    if let Some(character) = text.chars().find(|character| steers(*character)) {
        panic!("{what} shows {character:?}: {text:?}");
    }
    assert!(
        !text.lines().any(|line| line.trim_start().starts_with(INJECTED)),
        "{what} has a foreign line: {text}"
    );
    assert!(!text.contains("panicked"), "{what}: {text}");
}

/// Runs a command in every form and looks at what it prints; the last argument of the options that follow is the form.
fn assert_forms(arguments: &[&str]) {
    for format in ["table", "markdown", "json", "jsonl"] {
        let output = malkin(&[arguments, &["--format", format]].concat());
        let what = format!("{arguments:?} as {format}");
        assert_harmless(&what, &output.stdout);
        assert_harmless(&what, &output.stderr);
        let text = String::from_utf8_lossy(&output.stdout);
        match format {
            "markdown" => assert!(!text.contains("<img") && !text.contains("![a]("), "{what}: {text}"),
            "json" | "jsonl" => {
                for document in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
                    document.unwrap_or_else(|error| panic!("{what}: {error}: {text}"));
                }
            }
            _ => {}
        }
    }
}

#[test]
fn hostile_names_of_a_corpus_are_shown_harmlessly() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let mut names = Names(18);
    let mut families = Vec::new();
    for number in 0..3_u64 {
        let mut document = report("x.exe", "f", 7 + number, 12);
        for field in ["family", "version", "component", "filename"] {
            let name = names.next();
            if field == "family" {
                families.push(name.clone());
            }
            document["metadata"][field] = name.into();
        }
        for function in document["xcfg"].as_object_mut().unwrap().values_mut() {
            function["metadata"]["function_name"] = names.next().into();
        }
        let path = folder.path().join(format!("{number}.json"));
        std::fs::write(&path, document.to_string()).unwrap();
        let submitted = malkin(&["submit", path.to_str().unwrap(), "--data", &data]);
        assert_eq!(submitted.status.code(), Some(0), "{submitted:?}");
        assert_harmless("submit", &submitted.stdout);
    }
    let file = folder.path().join("0.json").to_str().unwrap().to_owned();
    for arguments in [
        &["match", "1"][..],
        &["match", "1", "0"],
        &["cross", "0", "1", "2"],
        &["query", &file],
        &["search", "families", ""],
        &["search", "samples", ""],
        &["search", "functions", ""],
        &["blocks", "--samples", "0"],
        &["status"],
        &["verify"],
    ] {
        assert_forms(&[arguments, &["--data", &data]].concat());
    }
    let found = malkin(&["search", "families", "", "--format", "json", "--data", &data]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let stored: Vec<&str> =
        found.as_object().unwrap().values().filter_map(|family| family["family_name"].as_str()).collect();
    assert!(
        families.iter().all(|family| stored.contains(&family.as_str())),
        "JSON keeps the value: {stored:?}"
    );
}

/// A server that answers every request with hostile text, in the form that the command hopes for or as a refusal.
fn hostile_server(refuses: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut names = Names(if refuses { 1 } else { 2 });
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let _ = answer(stream, refuses, &mut names);
        }
    });
    address
}

fn answer(mut stream: TcpStream, refuses: bool, names: &mut Names) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let body = if refuses {
        json!({"status": "failed", "data": {"message": names.next()}})
    } else {
        json!({"status": "successful", "data": payload(path, names)})
    };
    let (status, body) = (if refuses { "400 Bad Request" } else { "200 OK" }, body.to_string());
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

/// What MCRIT would answer, with hostile text wherever there is text.
fn payload(path: &str, names: &mut Names) -> Value {
    let mut n = || names.next();
    let sample = json!({
        "sample_id": 3, "family_id": 1, "family": n(), "version": n(), "component": n(), "filename": n(), "sha256": n(),
        "architecture": n(), "is_library": false, "statistics": {"num_functions": 2},
    });
    if path.contains("/attribution") {
        let family = |name: String, other: String| {
            json!({"family": name, "samples": 1, "functions": 1, "percent": 5.0, "unique_functions": 1, "unique_bytes": 5.0,
                   "strongest": [{"fid": 1, "offset": 1, "num_bytes": 1.0, "name": other.clone(), "score": 99.0, "function_id": 1,
                                  "sample_id": 1, "matched_name": other}]})
        };
        return json!({"confidence": 0.5, "library_functions": 1, "library_bytes": 2.0,
                      "families": [family(n(), n()), family(n(), n())]});
    }
    if path.contains("/jobs/") && path.contains("/result") {
        let percents =
            json!({"score_weighted": 1.0, "nonlib_score_weighted": 1.0, "frequency_weighted": 1.0});
        let mut matched = sample.clone();
        matched["matched"] = json!({"percent": percents, "functions": {"combined": 1}});
        return json!({
            "info": {"sample": sample, "job": {"duration": 0.1}}, "partial": {"ceiling": n(), "done": n(), "total": n()},
            "matches": {"samples": [matched], "functions": [], "aggregation": {}},
            "score_weighted": {"clustered_sequence": ["3", n()], "matching_percent": {}},
        });
    }
    if path.contains("/jobs/") {
        return json!({"result": n(), "last_error": n()});
    }
    if path.starts_with("/search/") {
        let mut record = sample;
        for field in ["family_name", "function_name", "offset", "pichash", "function_id"] {
            record[field] = n().into();
        }
        return json!({"search_results": {n(): record}, "cursor": {"forward": n()}});
    }
    if path.starts_with("/status") {
        return json!({"status": {n(): n(), "num_samples": n()}});
    }
    if path.starts_with("/tokens") {
        let token = json!({"name": n(), "role": n(), "created_at": n()});
        return if path == "/tokens" { json!([token]) } else { json!({"token": n()}) };
    }
    if path.starts_with("/samples/") {
        return sample;
    }
    if path.starts_with("/samples") {
        return json!({"3": sample});
    }
    if path.starts_with("/families") {
        return json!({"1": {"family_id": 1, "family_name": n(), "num_samples": 0}});
    }
    n().into()
}

#[test]
fn a_hostile_server_does_not_reach_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json").to_str().unwrap().to_owned();
    std::fs::write(&file, report("x.exe", "f", 7, 3).to_string()).unwrap();
    let export = folder.path().join("out.mcrit").to_str().unwrap().to_owned();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    for refuses in [true, false] {
        let server = hostile_server(refuses);
        for arguments in [
            &["status"][..],
            &["search", "families", "x"],
            &["search", "samples", "x"],
            &["search", "functions", "x"],
            &["match", "3"],
            &["query", &file],
            &["cross", "3", "4"],
            &["blocks", "--samples", "3"],
            &["blocks", "--family", "x", "--check"],
            &["token", "list"],
        ] {
            assert_forms(&[arguments, &["--server", &server]].concat());
        }
        for arguments in [
            &["submit", &file][..],
            &["import", &file],
            &["export", "--output", &export],
            &["token", "add", "x"],
            &["token", "revoke", "x"],
            &["blocks", "--samples", "3", "--rule"],
        ] {
            let output = malkin(&[arguments, &["--server", &server]].concat());
            assert_harmless(&format!("{arguments:?}"), &output.stdout);
            assert_harmless(&format!("{arguments:?}"), &output.stderr);
            assert!(output.status.code().is_some(), "{output:?}");
        }
        let output = malkin(&["migrate", "--from", &server, "--data", &data]);
        assert_harmless("migrate", &output.stdout);
        assert_harmless("migrate", &output.stderr);
        assert_ne!(output.status.code(), Some(0), "{output:?}");
    }
}

#[cfg(unix)]
#[test]
fn hostile_file_names_and_arguments_are_shown_harmlessly() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let name = "a\u{1b}[31m\u{9b}2J\u{202e}\nINJECTED.exe";
    let path = folder.path().join(name).to_str().unwrap().to_owned();
    let rules = folder.path().join("r\u{1b}[31m\nINJECTED");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("x\u{1b}\nINJECTED.yar"), "rule \u{1b}[31m\nINJECTED {").unwrap();
    let rules = rules.to_str().unwrap();
    for content in [None, Some(&b"MZ\x90\0"[..]), Some(b"{\"a\": \"\x1b\"}"), Some(b"PK\x03\x04")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        for command in ["submit", "query", "disassemble", "hash", "import", "triage"] {
            let mut arguments = vec![command, &path];
            if !["disassemble", "hash"].contains(&command) {
                arguments.extend(["--data", &data]);
            }
            let output = malkin(&arguments);
            assert_harmless(command, &output.stdout);
            assert_harmless(command, &output.stderr);
            assert!(output.status.code() == Some(1) || command == "triage", "{output:?}");
        }
    }
    for format in ["markdown", "json"] {
        let shown = malkin(&["triage", &path, "--data", &data, "--format", format]);
        assert_eq!(shown.status.code(), Some(0), "{shown:?}");
        assert_harmless("triage", &shown.stdout);
    }
    let refused = malkin(&["triage", &path, "--data", &data, "--rules", rules]);
    assert_eq!(refused.status.code(), Some(1));
    assert_harmless("rules", &refused.stderr);
    for arguments in [
        &["--\u{1b}[31m\nINJECTED"][..],
        &["\u{1b}[31m\nINJECTED"],
        &["status", "--format", "\u{202e}\nINJECTED"],
        &["match", "\u{1b}[31m\nINJECTED"],
        &["lookup", "\u{1b}[31m\nINJECTED"],
        &["status", "--server", "\u{1b}[31m://\nINJECTED"],
        &["serve", "--listen", "\u{1b}[31m\nINJECTED"],
    ] {
        let output = malkin(arguments);
        assert_harmless(&format!("{arguments:?}"), &output.stderr);
        assert_ne!(output.status.code(), Some(0), "{output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn the_log_is_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let file = std::fs::File::create(&log).unwrap();
    let server =
        Server::start_with(&folder.path().join("data"), &[], &[("MALKIN_LOG", "trace")], Stdio::from(file));
    let hostile = "\u{1b}[31m\nINJECTED\u{202e}";
    let document = report(hostile, hostile, 7, 3);
    server.post_json("/samples", &document);
    server.send("POST", "/query", &[("content-type", "application/json")], b"{\"\\u001b\": \"\\nINJECTED\"}");
    server.get("/samples/%1b%0aINJECTED%e2%80%ae");
    server.get("/search/samples?query=%1b%0aINJECTED%e2%80%ae");
    drop(server);
    let log = std::fs::read(&log).unwrap();
    assert!(String::from_utf8_lossy(&log).contains("answered"), "requests are logged");
    assert_harmless("the log", &log);
}
