//! Samples and families changed and deleted over HTTP; index and records agree afterwards.

use serde_json::{Value, json};

use crate::report::report;
use crate::server::{Answer, Server};

fn put(server: &Server, path: &str, body: &Value) -> Answer {
    server.send("PUT", path, &[("content-type", "application/json")], body.to_string().as_bytes())
}

/// Waits for the newest job, which clients of PUT have to look up, and answers its result.
fn newest_result(server: &Server) -> Value {
    let job = server.get("/jobs?limit=1").body["data"][0].take();
    let id = job["_id"]["$oid"].as_str().unwrap();
    server.await_job(id);
    server.get(&format!("/jobs/{id}/result")).body["data"].take()
}

fn delete(server: &Server, path: &str) -> Value {
    let answer = server.send("DELETE", path, &[], b"");
    assert_eq!(answer.status, 202, "{path}: {answer:?}");
    let id = answer.body["data"].as_str().unwrap();
    server.await_job(id);
    server.get(&format!("/jobs/{id}/result")).body["data"].take()
}

/// Ten functions shared by two samples of family 1, five of them by one of family 2.
fn corpus(server: &Server) {
    for (name, family, functions) in [("a.exe", "alpha", 10), ("b.exe", "alpha", 11), ("c.exe", "beta", 5)] {
        assert_eq!(server.post_json("/samples", &report(name, family, 7, functions)).status, 200);
    }
}

/// Families that the functions of sample 0 are found in.
fn families_matched(server: &Server) -> Vec<Value> {
    let id =
        server.get("/matches/sample/0?force_recalculation=true").body["data"].as_str().unwrap().to_owned();
    server.await_job(&id);
    let samples =
        server.get(&format!("/jobs/{id}/result?compact=true")).body["data"]["matches"]["samples"].take();
    samples
        .as_array()
        .unwrap()
        .iter()
        .map(|sample| json!([sample["sample_id"], sample["family_id"], sample["is_library"]]))
        .collect()
}

#[test]
fn a_change_of_a_sample_is_queued_made_and_matched_with() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    corpus(&server);
    assert_eq!(families_matched(&server), [json!([1, 1, false]), json!([2, 2, false])]);

    let answer =
        put(&server, "/samples/1", &json!({"family_name": "gamma", "is_library": "1", "version": "9 x"}));
    assert_eq!((answer.status, answer.body["data"]["message"].as_str()), (202, Some("Sample modified.")));
    let waiting = server.get("/jobs?limit=1").body["data"][0].take();
    assert_eq!(waiting["started_at"], Value::Null, "the job is found waiting");
    assert_eq!(
        waiting["payload"]["params"],
        r#"{"0": 1, "1": {"family_name": "gamma", "is_library": true, "version": "9 x"}}"#
    );
    assert_eq!(newest_result(&server), true);
    let sample = server.get("/samples/1").body["data"].take();
    assert_eq!(
        (&sample["family_id"], &sample["family"], &sample["version"], &sample["is_library"]),
        (&json!(3), &json!("gamma"), &json!("9 x"), &json!(true))
    );
    assert_eq!(families_matched(&server), [json!([2, 2, false]), json!([1, 3, true])]);

    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = server.send("PUT", "/samples/1", &form, b"is_library=False&component=main+part");
    assert_eq!(answer.status, 202);
    assert_eq!(newest_result(&server), true);
    let sample = server.get("/samples/1").body["data"].take();
    assert_eq!((&sample["component"], &sample["is_library"]), (&json!("main part"), &json!(false)));

    assert_eq!(put(&server, "/samples/99", &json!({})).status, 202, "an unknown sample is taken");
    assert_eq!(newest_result(&server), false);
}

#[test]
fn a_renamed_family_has_a_new_number_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    corpus(&server);
    put(&server, "/families/2", &json!({"family_name": "delta", "is_library": true}));
    assert_eq!(newest_result(&server), true);
    assert_eq!(families_matched(&server), [json!([1, 1, false]), json!([2, 3, true])]);
    let families = server.get("/families").body["data"].take();
    let expected = json!({"family_id": 3, "family_name": "delta", "num_samples": 1, "num_functions": 5, "num_library_samples": 1});
    assert_eq!((families.get("2"), &families["3"]), (None, &expected));
    put(&server, "/families/3", &json!({"family_name": "delta"}));
    assert_eq!(newest_result(&server), true);
    assert_eq!(
        server.get("/families/3?with_samples=false").body["data"],
        expected,
        "its own name changes nothing"
    );
}

#[test]
fn deleted_code_is_found_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    corpus(&server);
    assert_eq!(delete(&server, "/samples/1"), true);
    assert_eq!(delete(&server, "/samples/1"), false);
    assert_eq!(families_matched(&server), [json!([2, 2, false])]);
    assert_eq!(delete(&server, "/families/2?keep_samples=true"), true);
    assert_eq!(families_matched(&server), [json!([2, 0, false])]);
    assert_eq!(server.get("/samples/2").body["data"]["family"], "");
    assert_eq!(delete(&server, "/families/0"), true);
    assert_eq!(families_matched(&server), Vec::<Value>::new());
    assert_eq!(server.send("DELETE", "/families/2", &[], b"").status, 404);
    assert_eq!(server.get("/status").body["data"]["status"]["num_functions"], 10);
}

#[test]
fn bad_changes_are_refused_in_the_words_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let name = "family_name may be 0-64 alphanumeric chars with single dots, dashes, underscores inbetween.";
    for (body, message) in [
        (json!({"family_name": "a..b"}), name),
        (json!({"family_name": 5}), name),
        (json!({"version": ""}), "version may be 0-64 printable characters."),
        (json!({"component": null}), "component may be 0-64 printable characters."),
        (json!({"is_library": 7}), "is_library must be boolean."),
        (json!([1]), "PUT request without body can't be processed."),
    ] {
        let answer = put(&server, "/samples/0", &body);
        assert_eq!((answer.status, answer.body["data"]["message"].as_str()), (400, Some(message)), "{body}");
    }
    for (content_type, body, status) in [
        ("application/json", &b"{x"[..], 400),
        ("text/plain", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 400),
        ("application/json", b"", 400),
    ] {
        let answer = server.send("PUT", "/families/1", &[("content-type", content_type)], body);
        assert_eq!(answer.status, status, "{answer:?}");
    }
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(server.send("PUT", "/families/1", &[], large.as_bytes()).status, 413);
    assert_eq!(server.get("/jobs").body["data"], json!([]), "nothing was queued");
}
