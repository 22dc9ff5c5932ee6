//! Named tokens: what each role may do, that revoked tokens end at once, and whose name jobs and labels bear.

use std::process::Command;

use serde_json::json;

use crate::report::report;
use crate::server::{Answer, Server};

const MASTER: &str = "the-configured-token";

fn send(server: &Server, token: &str, verb: &str, path: &str, body: &[u8]) -> Answer {
    server.send(verb, path, &[("apitoken", token), ("content-type", "application/json")], body)
}

fn make(server: &Server, name: &str, role: &str) -> String {
    let body = json!({"name": name, "role": role}).to_string();
    let made = send(server, MASTER, "POST", "/tokens", body.as_bytes());
    assert_eq!(made.status, 200, "{made:?}");
    made.body["data"]["token"].as_str().unwrap().to_owned()
}

#[test]
fn each_role_may_do_what_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", MASTER]);
    let tokens = ["reader", "contributor", "admin"].map(|role| make(&server, role, role));
    let sample = report("a.exe", "alpha", 7, 10).to_string();
    // Verb, path, body, the least role by its place above.
    let requests: &[(&str, &str, &str, usize)] = &[
        ("GET", "/status", "", 0),
        ("GET", "/samples/0", "", 0),
        ("GET", "/export", "", 0),
        ("GET", "/metrics", "", 0),
        ("GET", "/analyses", "", 0),
        ("POST", "/query", &sample, 0),
        ("POST", "/samples/ids", "0", 0),
        ("POST", "/ti/hash", r#"{"hash": "d41d8cd98f00b204e9800998ecf8427e"}"#, 0),
        ("POST", "/samples", &sample, 1),
        ("PUT", "/samples/0", r#"{"version": "2"}"#, 1),
        ("DELETE", "/jobs/0123456789abcdef01234567", "", 1),
        ("GET", "/rebuild_index", "", 2),
        ("GET", "/rebuild%5Findex", "", 2),
        ("GET", "//rebuild_index/", "", 2),
        ("GET", "/tokens", "", 2),
        ("DELETE", "/analyses/0123", "", 2),
        ("POST", "/analyses/purge?sha256=ab", "", 2),
        ("DELETE", "/samples/77", "", 2),
        ("DELETE", "/jobs", "", 2),
        ("POST", "/respawn", "", 2),
    ];
    for (verb, path, body, least) in requests {
        for (role, token) in tokens.iter().enumerate() {
            let answer = send(&server, token, verb, path, body.as_bytes());
            let refused = answer.status == 403;
            assert_eq!(refused, role < *least, "{verb} {path} as {role}: {answer:?}");
            let text = answer.body.to_string();
            assert!(!refused || text.contains("needs a token of the role"), "{text}");
            assert!(answer.status != 401 && answer.status < 500, "{verb} {path}: {answer:?}");
        }
    }
    assert_eq!(send(&server, "malkin_nobody", "GET", "/status", b"").status, 401);
    assert_eq!(server.get("/status").status, 401);
    assert_eq!(send(&server, MASTER, "GET", "/tokens", b"").status, 200, "tokens survive a respawn");
}

#[test]
fn tokens_are_told_once_bear_names_and_end_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", MASTER]);
    let (ida, web) = (make(&server, "Ida.S", "contributor"), make(&server, "web", "reader"));
    let listed = send(&server, MASTER, "GET", "/tokens", b"").body["data"].take();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains(&ida[8..]), "{listed}");
    for (body, status) in [
        (json!({"name": "web", "role": "admin"}), 400),
        (json!({"name": "x", "role": "root"}), 400),
        (json!({"role": "admin"}), 400),
        (json!("x"), 400),
    ] {
        let answer = send(&server, MASTER, "POST", "/tokens", body.to_string().as_bytes());
        assert_eq!(answer.status, status, "{body}: {answer:?}");
    }
    for body in [&b"{"[..], br#"{"name": "x", "role": "reader", "role": "admin"}"#] {
        assert_eq!(send(&server, MASTER, "POST", "/tokens", body).status, 400);
    }
    for name in ["a/b", "a b", "\u{440}eader", "a\u{202e}b", "..", ""] {
        let body = json!({"name": name, "role": "reader"}).to_string();
        assert_eq!(send(&server, MASTER, "POST", "/tokens", body.as_bytes()).status, 400, "{name:?}");
    }
    let twice = br#"{"hash": "d41d8cd98f00b204e9800998ecf8427e", "hash": "0"}"#;
    assert_eq!(send(&server, MASTER, "POST", "/ti/hash", twice).status, 400);
    assert_eq!(
        send(&server, MASTER, "PUT", "/families/1", br#"{"is_library": 0, "is_library": 1}"#).status,
        400
    );

    let mut named = report("a.exe", "alpha", 7, 10);
    for function in named["xcfg"].as_object_mut().unwrap().values_mut() {
        function["metadata"]["function_name"] = json!("a_name");
    }
    let added = send(&server, &ida, "POST", "/samples", named.to_string().as_bytes());
    let job = added.body["data"]["job_id"].as_str().unwrap().to_owned();
    assert_eq!(send(&server, &web, "GET", &format!("/jobs/{job}"), b"").body["data"]["author"], "Ida.S");
    let functions = send(&server, &web, "GET", "/functions/0", b"").body["data"].take();
    assert_eq!(functions["function_labels"][0]["username"], "Ida.S", "{functions}");
    let matched = send(&server, MASTER, "GET", "/matches/sample/0", b"").body["data"].take();
    let job = send(&server, MASTER, "GET", &format!("/jobs/{}", matched.as_str().unwrap()), b"");
    assert!(job.body["data"].get("author").is_none(), "the configured token has no name");

    assert_eq!(send(&server, MASTER, "DELETE", "/tokens/Ida%2ES", b"").status, 200);
    assert_eq!(send(&server, &ida, "GET", "/status", b"").status, 401);
    assert_eq!(send(&server, MASTER, "DELETE", "/tokens/Ida%2ES", b"").status, 404);
    assert_eq!(send(&server, &web, "GET", "/status", b"").status, 200);
}

#[test]
fn the_command_manages_tokens_of_a_directory_and_of_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_malkin")).arg("token").args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (made, boss, note) = run(&["add", "boss", "--role", "admin", "--data", &data]);
    assert!(made && note.contains("not shown again"), "{note}");
    let boss = boss.trim();

    // A token alone closes the server.
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/status").status, 401);
    let base = server.base().to_owned();
    let (made, reader, _) = run(&["add", "r@lab", "--server", &base, "--token", boss]);
    assert!(made);
    let (refused, _, why) = run(&["list", "--server", &base, "--token", reader.trim()]);
    assert!(!refused && why.contains("role admin"), "{why}");
    let (listed, table, _) = run(&["list", "--server", &base, "--token", boss]);
    assert!(listed && table.contains("boss") && table.contains("reader"), "{table}");
    assert!(!table.contains(boss));
    assert!(run(&["revoke", "r@lab", "--server", &base, "--token", boss]).0);
    assert_eq!(send(&server, reader.trim(), "GET", "/status", b"").status, 401);
    let (busy, _, why) = run(&["list", "--data", &data]);
    assert!(!busy && why.contains(&base), "the error names the process that holds the directory: {why}");
    drop(server);
    let (_, list, _) = run(&["list", "--format", "jsonl", "--data", &data]);
    assert_eq!(list.lines().count(), 1, "{list}");
    assert!(!run(&["revoke", "nobody", "--data", &data]).0);
}

#[test]
fn clients_that_ask_too_often_are_told_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", MASTER, "--rate-limit", "1"]);
    let token = make(&server, "busy", "reader");
    let answers: Vec<Answer> = (0..20).map(|_| send(&server, &token, "GET", "/version", b"")).collect();
    let refused: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(refused.len() >= 10, "two at once and one a second: {}", refused.len());
    assert_eq!(refused[0].headers["retry-after"], "1");
    assert_eq!(answers[0].status, 200);
    // Others are not held back by it, and strangers hold back nobody but themselves.
    let strangers: Vec<u16> = (0..20).map(|_| server.get("/version").status).collect();
    assert!(strangers[0] == 401 && strangers.contains(&429), "{strangers:?}");
    assert_eq!(send(&server, MASTER, "GET", "/version", b"").status, 200);
}

#[test]
fn revoking_tokens_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_malkin")).arg("token").args(arguments).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (_, only, _) = run(&["add", "only", "--role", "admin", "--data", data]);
    let only = only.trim();
    let server = Server::start(folder.path(), &[]);
    let kept = send(&server, only, "DELETE", "/tokens/only", b"");
    assert_eq!(kept.status, 409, "{kept:?}");
    assert!(kept.text.contains("token disable"), "{kept:?}");
    let made = send(&server, only, "POST", "/tokens", br#"{"name": "second", "role": "admin"}"#);
    let second = made.body["data"]["token"].as_str().unwrap().to_owned();
    assert_eq!(send(&server, &second, "DELETE", "/tokens/only", b"").status, 200);
    assert_eq!(send(&server, only, "GET", "/status", b"").status, 401);
    drop(server);
    let (done, _, note) = run(&["revoke", "second", "--data", data]);
    assert!(done && note.contains("token disable"), "{note}");
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/status").status, 401, "without any token the server stays closed");
    drop(server);
    // With a token of its own the server has no need to keep an admin's.
    let server = Server::start(folder.path(), &["--token", MASTER]);
    let last = make(&server, "last", "admin");
    assert_eq!(send(&server, &last, "DELETE", "/tokens/last", b"").status, 200);
    drop(server);
    assert!(run(&["disable", "--data", data]).0);
    assert_eq!(Server::start(folder.path(), &[]).get("/status").status, 200);
}
