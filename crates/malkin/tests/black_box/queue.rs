//! The queue as clients share it: files that go with their jobs, turns, ceilings, results that expire.

use serde_json::{Value, json};

use crate::report::report;
use crate::server::Server;

/// A figure of `/metrics`.
fn figure(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics").text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{name} is not in\n{text}"))
}

fn id(answer: &Value) -> String {
    answer["data"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn post(server: &Server, path: &str, body: &[u8]) -> Value {
    server.send("POST", path, &[], body).body
}

/// Rules that take long on any file, and end when their job is cancelled or their time is up.
const SLOW: &[u8] = b"rule slow { condition: for all i in (0..filesize-1) : (for all j in (0..filesize-1) : \
    (for all k in (0..filesize-1) : (uint8(i) + uint8(j) + uint8(k) >= 0))) }";

#[test]
fn files_of_queries_are_nobody_elses_and_do_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 12));
    let query = server.post_json("/query", &report("b.exe", "beta", 7, 12)).body;
    let done = server.await_job(&id(&query));
    let file =
        done["payload"]["file_params"].as_str().and_then(|params| params.get(7..31)).unwrap().to_owned();
    assert!(done["result"].is_string(), "{done}");
    assert_eq!(figure(&server, "malkin_files"), 0);
    assert_eq!(server.get(&format!("/results/{file}")).body["data"], "Access Not Allowed");
    let again = server.post_json("/query", &report("b.exe", "beta", 7, 12)).body;
    assert_eq!(id(&again), id(&query), "the result is used again, without the file");
    assert_eq!(figure(&server, "malkin_files"), 0);

    // A file that cannot be read, one whose job is deleted while it waits, and one that is queued when the server stops.
    let failed = post(&server, "/query/binary?force_recalculation=true", b"MZ nothing");
    assert!(server.await_job(&id(&failed))["last_error"].is_string());
    let rules = post(&server, "/uniqueblocks/check", b"rule all { condition: true }");
    let checked = server.await_job(&id(&rules));
    let result = server.get(&format!("/results/{}", checked["result"].as_str().unwrap())).body["data"].take();
    assert_eq!(result["files"], json!([]), "files of queries are not looked at");
    assert_eq!(figure(&server, "malkin_files"), 0);
    assert_eq!(server.get("/samples/-1").status, 200, "the sample of the query is there as long as its job");
    server.send("DELETE", &format!("/jobs/{}", id(&query)), &[], b"");
    assert_eq!(server.get("/samples/-1").status, 404);
    assert_eq!(server.get(&format!("/results/{file}")).status, 404);
    drop(server);
    let server = Server::start(folder.path(), &[]);
    assert_eq!(figure(&server, "malkin_files"), 0);
}

#[test]
fn a_respawn_leaves_nothing_but_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", "secret"]);
    let token = [("apitoken", "secret")];
    let body = report("a.exe", "alpha", 7, 12).to_string();
    server.send("POST", "/tokens", &token, br#"{"name": "ida", "role": "reader"}"#);
    server.send("POST", "/samples", &token, body.as_bytes());
    let query = server.send("POST", "/query", &token, body.as_bytes()).body;
    let job = loop {
        let job = server.send("GET", &format!("/jobs/{}", id(&query)), &token, b"").body["data"].take();
        if job["notify_done"] == true {
            break job;
        }
    };
    let result = format!("/results/{}", job["result"].as_str().unwrap());
    assert_eq!(server.send("GET", &result, &token, b"").status, 200);
    assert_eq!(server.send("POST", "/respawn", &token, b"").status, 200);
    // MCRIT's clients may still read it by its id; it is swept after ten minutes.
    assert_eq!(server.send("GET", &result, &token, b"").status, 200);
    let tokens = server.send("GET", "/tokens", &token, b"").body;
    assert_eq!(tokens["data"].as_array().map(Vec::len), Some(1), "{tokens}");
    let metrics = server.send("GET", "/metrics", &token, b"").text;
    for line in ["malkin_files 0", "malkin_ended_jobs 0", "malkin_result_bytes 0"] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
}

/// A named token of a server that was started with `--token secret`.
fn token(server: &Server, name: &str) -> String {
    let body = json!({"name": name, "role": "admin"}).to_string();
    let made = server.send("POST", "/tokens", &[("apitoken", "secret")], body.as_bytes()).body;
    made["data"]["token"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
}

/// One client keeps the only worker for all jobs busy for minutes; the match of another is done nevertheless.
#[test]
fn small_jobs_of_others_do_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    if !crate::proof::build(folder.path()) {
        println!("SKIPPED: there is no C compiler");
        return;
    }
    let server = Server::start(&folder.path().join("d"), &["--token", "secret", "--workers", "1"]);
    let (greedy, modest) = (token(&server, "greedy"), token(&server, "modest"));
    let (greedy, modest) = ([("apitoken", greedy.as_str())], [("apitoken", modest.as_str())]);
    let job_of = |id: &str| server.send("GET", &format!("/jobs/{id}"), &modest, b"").body["data"].take();
    let await_state = |id: &str, is_there: fn(&Value) -> bool| {
        let looks = (0..3000).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            Some(job_of(id)).filter(is_there)
        });
        looks.unwrap_or_else(|| panic!("{}", job_of(id)))
    };
    for name in ["a", "b", "c"] {
        let file = std::fs::read(folder.path().join(name)).unwrap();
        let stored = server.send("POST", &format!("/samples/binary?filename={name}"), &greedy, &file).body;
        await_state(&id(&stored), |job| job["result"].is_string());
    }
    let checks: Vec<String> =
        (0..3).map(|_| id(&server.send("POST", "/uniqueblocks/check", &greedy, SLOW).body)).collect();
    await_state(&checks[0], |job| !job["started_at"].is_null());
    let mine = server.send("GET", "/matches/sample/2", &modest, b"").body;
    let ended = await_state(&id(&mine), |job| job["notify_done"] == true);
    assert_eq!(ended["author"], "modest");
    assert!(!ended.to_string().contains("127.0.0.1"), "no address in a document: {ended}");
    assert!(ended["locked_by"].as_str().unwrap().starts_with("malkin-"));
    assert!(job_of(&checks[2])["started_at"].is_null(), "the other client's checks still wait");
}

/// Changes rest for a tenth of a second before they are made, so a second one meets the first in the queue.
#[test]
fn a_client_has_a_ceiling() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", "secret", "--max-queued", "1"]);
    let greedy = token(&server, "greedy");
    let headers = [("apitoken", greedy.as_str()), ("content-type", "application/json")];
    server.send("POST", "/samples", &headers, report("a.exe", "alpha", 7, 12).to_string().as_bytes());
    let change = |n: usize| {
        server.send("PUT", "/samples/0", &headers, json!({"version": n.to_string()}).to_string().as_bytes())
    };
    let refused = (0..200).map(change).find(|answer| answer.status == 429).expect("there is a ceiling");
    assert!(refused.headers.contains_key("retry-after"));
    let message = refused.body["data"]["message"].as_str().unwrap();
    assert!(message.starts_with("Token greedy has reached its queue limit (jobs: 1,"), "{message}");
    let other = token(&server, "other");
    let other = server.send("GET", "/matches/sample/0", &[("apitoken", other.as_str())], b"");
    assert_eq!(other.status, 200);
}

/// That results expire is tested below HTTP (`queue::tests` of the service): a fresh one stays for half a minute. An expired job
/// is a deleted one, as above.
#[test]
fn limits_of_results_have_units_and_fresh_results_stay() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--max-results", "0KiB", "--keep-results", "0s"]);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 12));
    let job = id(&server.get("/matches/sample/0").body);
    let result = server.await_job(&job)["result"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/results/{result}")).status, 200);
    assert!(figure(&server, "malkin_result_bytes") > 0);
    assert_eq!(figure(&server, "malkin_expired_jobs_total"), 0);
    for bad in ["--max-results=10", "--keep-results=30", "--max-queued=0"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_malkin"))
            .args(["serve", "--listen", "127.0.0.1:0", bad, "--data"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{bad}");
    }
}

#[test]
fn a_database_is_compacted() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 12));
    drop(server);
    let compact = |data: &std::path::Path| {
        std::process::Command::new(env!("CARGO_BIN_EXE_malkin"))
            .args(["compact", "--data"])
            .arg(data)
            .output()
            .unwrap()
    };
    let output = compact(folder.path());
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("database size: "), "{output:?}");
    assert_eq!(compact(&folder.path().join("no such")).status.code(), Some(1));
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/samples/0").status, 200);
}
