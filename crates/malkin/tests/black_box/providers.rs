//! Triage beside a corpus and with providers, which listeners on loopback play.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::server::{Answer, Server};

/// A key that must not be seen anywhere.
const SECRET: &str = "s3cr3t-0f-th3-t34m";
const HASH: &str = "7e57000000000000000000000000000000000000000000000000000000000001";

/// A provider that gives every request the same answer; its address, and how often it was asked with the key.
fn provider(status: &str, headers: &str, body: &Value) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let body = body.to_string();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            if head.iter().any(|line| line.ends_with(SECRET)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

/// A body of `multipart/form-data` with a file and a hint.
fn form(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body =
        b"--edge\r\nContent-Disposition: form-data; name=\"hint\"\r\n\r\nfound in mail\r\n".to_vec();
    let head =
        format!("--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--edge--\r\n");
    body
}

fn upload(server: &Server, path: &str, name: &str, bytes: &[u8]) -> Answer {
    let headers = [("content-type", "multipart/form-data; boundary=edge")];
    server.send("POST", path, &headers, &form(name, bytes))
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A 64-bit ELF whose entry calls twelve functions, each of its own length and constants.
fn executable() -> Vec<u8> {
    const FUNCTIONS: u32 = 12;
    let mut bodies = Vec::new();
    for number in 0..FUNCTIONS {
        let mut body = vec![0x55, 0x48, 0x89, 0xe5];
        for step in 0..12 + number {
            // Five forms in an order of the function's own: add, sub, xor, and, mov with a constant.
            let form = [0x05, 0x2d, 0x35, 0x25, 0xb8][((step * (number + 1)) % 5) as usize];
            body.push(form);
            body.extend_from_slice(&(0x11 * (step + 1) + number).to_le_bytes());
        }
        body.extend_from_slice(&[0x5d, 0xc3]);
        body.resize(body.len().next_multiple_of(16), 0xcc);
        bodies.push(body);
    }
    let entry_len = (FUNCTIONS as usize * 5 + 1).next_multiple_of(16);
    let mut code = Vec::new();
    let mut target = entry_len;
    for body in &bodies {
        let offset = (target - code.len() - 5) as u32;
        code.push(0xe8);
        code.extend_from_slice(&offset.to_le_bytes());
        target += body.len();
    }
    code.push(0xc3);
    code.resize(entry_len, 0xcc);
    code.extend(bodies.concat());
    let total = (0x78 + code.len()) as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend_from_slice(&2_u16.to_le_bytes());
    file.extend_from_slice(&0x3e_u16.to_le_bytes());
    file.extend_from_slice(&1_u32.to_le_bytes());
    for word in [0x40_0078_u64, 0x40, 0] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend_from_slice(&0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 64, 0, 0] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    for word in [1_u32, 5] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for word in [0_u64, 0x40_0000, 0x40_0000, total, total, 0x1000] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    file.extend(code);
    file
}

#[test]
fn an_upload_is_matched_against_the_corpus_and_not_stored_as_a_sample() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let file = executable();
    let submitted = server.send("POST", "/samples/binary?filename=old&family=harness", &[], &file);
    let job = submitted.body["data"].as_str().unwrap_or_default().to_owned();
    server.await_job(&job);
    let samples = server.get("/samples").body["data"].clone();
    assert_eq!(samples.as_object().map(serde_json::Map::len), Some(1), "{samples:#}");

    // Another file with the same code.
    let mut other = file;
    other.extend_from_slice(b"http://c2.malicious-host.com/gate.php");
    let first = upload(&server, "/analyze/upload", "../new.elf", &other);
    assert_eq!((first.status, header(&first, "x-cache")), (200, "miss"), "{first:?}");
    let record = &first.body;
    assert_eq!(record["kinship"]["families"][0]["family"], "harness", "{record:#}");
    assert!(record["kinship"]["num_matched"].as_u64().is_some_and(|count| count >= 10), "{record:#}");
    assert_eq!(record["facts"]["size"], other.len());
    assert_eq!(record["ioc_inventory"]["urls"], json!(["http://c2.malicious-host.com/gate.php"]));
    assert_eq!(record["reputation"], Value::Null, "nobody can be asked");
    assert_eq!(server.get("/samples").body["data"], samples, "the upload is no sample");

    let second = upload(&server, "/analyze/upload", "again", &other);
    assert_eq!((second.body == *record, header(&second, "x-cache")), (true, "hit"));
    assert_eq!(header(&second, "x-analysis-id"), header(&first, "x-analysis-id"));
    let id = header(&first, "x-analysis-id");
    let sha256 = record["facts"]["hashes"]["sha256"].as_str().unwrap();
    for path in [format!("/analyses/{id}"), format!("/analyses/sha256/{sha256}")] {
        assert_eq!(server.get(&path).body, *record, "{path}");
    }
    let afresh = upload(&server, "/analyze/upload?afresh=true", "again", &other);
    assert_ne!(header(&afresh, "x-analysis-id"), id, "looked at again");
    for (query, total) in
        [("family=harness", 2), ("family=nobody", 0), ("q=c2.malicious-host.com", 2), ("q=absent-word", 0)]
    {
        assert_eq!(server.get(&format!("/analyses?{query}")).body["total"], total, "{query}");
    }
}

#[test]
fn keys_go_to_their_provider_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let attributes = json!({"last_analysis_stats": {"malicious": 7}, "popular_threat_classification": {"suggested_threat_label": "trojan.heodo/x"}});
    let (vt, vt_asked) = provider("200 OK", "", &json!({"data": {"attributes": attributes}}));
    let (otx, otx_asked) = provider("429 Slow down", "Retry-After: 77\r\n", &json!({"detail": "later"}));
    let (ha, _) = provider("302 Found", &format!("Location: {vt}/elsewhere\r\n"), &json!({}));
    let settings = [
        ("VT_API_KEY", SECRET),
        ("VT_BASE_URL", vt.as_str()),
        ("OTX_API_KEY", SECRET),
        ("OTX_BASE_URL", otx.as_str()),
        ("HA_API_KEY", SECRET),
        ("HA_BASE_URL", ha.as_str()),
        ("MALKIN_LOG", "trace"),
    ];
    let log_path = folder.path().join("log");
    let log = std::fs::File::create(&log_path).unwrap();
    let server = Server::start_with(folder.path(), &[], &settings, Stdio::from(log));
    let ask = || {
        let answer = server.post_json("/ti/hash", &json!({"hash": HASH}));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };
    let mut shown = String::new();
    for _ in 0..2 {
        let answer = ask();
        let status = json!({"virustotal": "found", "hybridanalysis": "error", "malwarebazaar": "no_key", "otx": "rate_limited"});
        assert_eq!(answer["summary"]["status"], status);
        assert_eq!(answer["providers"]["otx"]["retry_after"], 77);
        assert_eq!(answer["summary"]["known_malicious"], true);
        assert_eq!(answer["summary"]["families"], json!(["emotet"]));
        write!(shown, "{answer}").unwrap();
    }
    assert_eq!(vt_asked.load(Ordering::Relaxed), 1, "kept, and redirects are not followed");
    assert_eq!(otx_asked.load(Ordering::Relaxed), 2, "refusals are not kept");

    let record = upload(&server, "/analyze/upload", "a", b"a file");
    assert_eq!(record.body["reputation"]["summary"]["status"]["virustotal"], "found", "{record:?}");
    for path in ["/config", "/status", "/openapi.json", "/analyses", "/metrics"] {
        write!(shown, "{:?}{}", record, server.get(path).body).unwrap();
    }
    drop(server);
    shown += &std::fs::read_to_string(log_path).unwrap();
    assert!(!shown.contains(SECRET));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
}

#[test]
fn a_silent_provider_holds_up_nobody_but_the_one_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", silent.local_addr().unwrap());
    let settings = [("VT_API_KEY", "k"), ("VT_BASE_URL", base.as_str()), ("DEFAULT_TIMEOUT", "20")];
    let server = Server::start_with(folder.path(), &[], &settings, Stdio::null());
    // As many as nowhere are cores; each holds its request until the provider gives up at the end of the test.
    std::thread::scope(|scope| {
        for number in 0..40_u8 {
            let server = &server;
            scope.spawn(move || {
                let answer = upload(server, "/analyze/upload", "a", &[number; 9]);
                assert_eq!(answer.status, 200);
                let status = &answer.body["reputation"]["summary"]["status"]["virustotal"];
                assert!(["error", "timeout"].contains(&status.as_str().unwrap_or_default()), "{status}");
            });
        }
        // All forty have reached the provider, though none has an answer: nobody waits for a seat.
        let mut waiting = Vec::new();
        for _ in 0..40 {
            waiting.push(silent.accept().unwrap());
        }
        assert_eq!(server.get("/analyses").body["total"], 0);
        drop(waiting);
    });
    assert_eq!(server.get("/analyses").body["total"], 40);
}
