//! The API over HTTP: one walk through submission, matching and query, and the edges of the framework.

use serde_json::json;

use crate::report::report;
use crate::server::Server;

#[test]
fn a_report_is_submitted_matched_and_queried() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let first = server.post_json("/samples", &report("a.exe", "alpha", 7, 30));
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.body["data"]["existed"], false);
    let sample = &first.body["data"]["sample_info"];
    assert_eq!(sample["sample_id"], 0);
    assert_eq!(sample["family_id"], 1);
    let job = server.await_job(first.body["data"]["job_id"].as_str().unwrap());
    assert_eq!(job["payload"]["descriptor"], r#"["updateMinHashesForSample", {"0": 0}, {}]"#);
    assert_eq!(server.get(&format!("/results/{}", job["result"].as_str().unwrap())).body["data"], 30);

    // Ten functions of the second sample are the first ten of the first.
    let mut second = report("b.exe", "beta", 7, 10);
    second["sha256"] = json!("b".repeat(64));
    server.post_json("/samples", &second);
    let id = server.get("/matches/sample/1").body["data"].as_str().unwrap().to_owned();
    let again = server.get("/matches/sample/1").body["data"].as_str().unwrap().to_owned();
    assert_eq!(id, again, "an equal request is the same job");
    server.await_job(&id);
    let result = server.get(&format!("/jobs/{id}/result")).body["data"].take();
    assert_eq!(result["info"]["type"], "matcher_sample");
    assert_eq!(result["matches"]["functions"].as_array().unwrap().len(), 10);
    let matched = &result["matches"]["samples"][0];
    assert_eq!(matched["sample_id"], 0);
    assert_eq!(matched["matched"]["functions"]["combined"], 10);
    assert_eq!(matched["matched"]["percent"]["unweighted"], 100.0);
    let compact = server.get(&format!("/jobs/{id}/result?compact=true")).body["data"].take();
    assert!(compact["matches"].get("functions").is_none());
    assert_eq!(compact["matches"]["samples"], result["matches"]["samples"]);

    let query = server.post_json("/query", &second).body["data"].as_str().unwrap().to_owned();
    let job = server.await_job(&query);
    let result = server.get(&format!("/results/{}", job["result"].as_str().unwrap())).body["data"].take();
    assert_eq!(result["info"]["sample"]["sample_id"], -1);
    assert_eq!(
        result["matches"]["samples"].as_array().unwrap().len(),
        2,
        "the sample itself and the other one"
    );
    assert_eq!(server.get("/samples").body["data"].as_object().unwrap().len(), 2, "queries are not listed");
    assert_eq!(server.get("/samples/-1").body["data"]["filename"], "b.exe");
}

#[test]
fn known_samples_only_get_labels() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let body = report("a.exe", "alpha", 1, 3).to_string();
    for user in ["alice", "bob", "bob"] {
        let headers = [("content-type", "application/json"), ("username", user)];
        let answer = server.send("POST", "/samples", &headers, body.as_bytes());
        assert_eq!(answer.body["data"]["existed"], user != "alice");
    }
    let labels = server.get("/functions/0").body["data"]["function_labels"].take();
    let labels: Vec<_> = labels.as_array().unwrap().iter().map(|label| label["username"].clone()).collect();
    assert_eq!(labels, ["alice", "bob"]);
    assert_eq!(server.get("/status").body["data"]["status"]["num_samples"], 1);
}

#[test]
fn the_framework_answers_at_its_edges() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.get("/version/").body, json!({"status": "successful", "data": {"version": "1.9.0"}}));
    assert_eq!(server.get("/samples/0x10").body, json!({"title": "404 Not Found"}));
    assert_eq!(server.get("/samples/00").body["data"]["message"], "We don't have a sample with that id.");
    let wrong = server.send("PUT", "/samples", &[], b"{}");
    assert_eq!((wrong.status, wrong.allow.as_deref()), (405, Some("GET, POST, OPTIONS")));
    let options = server.send("OPTIONS", "/jobs", &[], b"");
    assert_eq!((options.status, options.allow.as_deref()), (200, Some("DELETE, GET")));
    let refused = server.send("DELETE", "/jobs?created_before=yesterday", &[], b"");
    assert_eq!((refused.status, refused.body["status"].as_str()), (400, Some("failed")));
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn the_token_is_asked_for_before_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", "secret"]);
    assert_eq!(server.get("/nothing").body["title"], "API token required");
    assert_eq!(
        server.send("GET", "/version", &[("apitoken", "Secret")], b"").body["title"],
        "Authentication required"
    );
    assert_eq!(server.send("GET", "/version", &[("apitoken", "secret")], b"").status, 200);
}

#[test]
fn the_corpus_is_counted_by_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 3));
    let ask = || server.get("/corpus/statistics").body["data"].as_str().unwrap().to_owned();
    let id = ask();
    server.await_job(&id);
    assert_eq!(ask(), id, "nothing has changed");
    let counted = server.get(&format!("/jobs/{id}/result")).body["data"].take();
    assert_eq!((&counted["corpus"]["samples"], &counted["corpus"]["functions"]), (&json!(1), &json!(3)));
    assert_eq!(counted["by_family"][0]["family"], "alpha");

    let mut other = report("b.exe", "beta", 7, 5);
    other["sha256"] = json!("b".repeat(64));
    server.post_json("/samples", &other);
    let later = ask();
    assert_ne!(later, id, "the corpus has grown");
    server.await_job(&later);
    let counted = server.get(&format!("/jobs/{later}/result")).body["data"].take();
    assert_eq!((&counted["corpus"]["functions"], &counted["families"]), (&json!(8), &json!(2)));
    assert_eq!(server.send("POST", "/corpus/statistics", &[], b"").status, 405);
}
