//! `.mcrit` files between two servers.

use serde_json::{Value, json};

use crate::report::report;
use crate::server::Server;

fn filled(folder: &std::path::Path) -> Server {
    let server = Server::start(folder, &[]);
    for (name, family, functions) in [("a.exe", "alpha", 10), ("b.exe", "", 600), ("c.exe", "beta", 0)] {
        let body = report(name, family, 7, functions).to_string();
        let headers = [("content-type", "application/json"), ("username", "alice")];
        assert_eq!(server.send("POST", "/samples", &headers, body.as_bytes()).status, 200);
    }
    server
}

fn import(server: &Server, file: &Value) -> Value {
    let answer =
        server.send("POST", "/import", &[("content-type", "image/png")], file.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["data"].clone()
}

#[test]
fn an_export_is_imported_as_it_was() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = filled(one.path());
    for query in ["", "?compress=True"] {
        let file = source.get(&format!("/export{query}")).body["data"].take();
        assert_eq!(
            file["content"],
            json!({"is_compressed": !query.is_empty(), "num_families": 3, "num_samples": 3, "num_functions": 610})
        );
        let target = Server::start(two.path(), &[]);
        target.send("POST", "/respawn", &[], b"");
        let report = import(&target, &file);
        assert_eq!(
            report,
            json!({"num_samples_imported": 3, "num_samples_skipped": 0, "num_functions_imported": 610, "num_functions_skipped": 0,
                   "num_families_imported": 2, "num_families_skipped": 1, "escaper_mismatch": false})
        );
        for path in ["/samples", "/families", "/functions", "/samples/1/functions"] {
            assert_eq!(target.get(path).body, source.get(path).body, "{path}");
        }
        assert_eq!(target.get("/status").body["data"]["status"]["num_samples_with_stale_minhashes"], 3);
        let again = import(&target, &file);
        assert_eq!(
            (&again["num_samples_skipped"], &again["num_functions_skipped"]),
            (&json!(3), &json!(610))
        );
        let hash = source.get("/functions/3").body["data"]["pichash"].as_u64().unwrap();
        let path = format!("/query/pichash/{hash:016x}/summary");
        assert_eq!(target.get(&path).body, source.get(&path).body, "what was imported is indexed");
    }
}

#[test]
fn a_selection_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let server = filled(folder.path());
    let names = |path: &str| {
        let file = server.get(path).body["data"].take();
        let samples = file["sample_entries"].as_object().unwrap().values();
        samples.map(|sample| sample["filename"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("/export/2%20,%200,0"), ["a.exe", "c.exe"]);
    assert!(names("/export/55").is_empty());
    for nothing in ["abc", "1,", "-1", "%201"] {
        assert_eq!(server.get(&format!("/export/{nothing}")).body["data"], json!({}), "{nothing}");
    }
}

#[test]
fn files_that_cannot_be_taken_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = filled(folder.path());
    let file = server.get("/export/0").body["data"].take();
    server.send("POST", "/respawn", &[], b"");
    let changed = |path: &str, value: Value| {
        let mut changed = file.clone();
        *changed.pointer_mut(path).unwrap() = value;
        changed
    };
    let sha256 = file["sample_entries"].as_object().unwrap().keys().next().unwrap().clone();
    let function = format!("/function_entries/{sha256}/0");
    for other in ["/config/minhash", "/config/shingler", "/config/version"] {
        assert_eq!(import(&server, &changed(other, json!(""))), Value::Null, "{other}");
    }
    for (path, value) in [
        ("/family_mapping".to_owned(), json!({})),
        ("/sample_entries".to_owned(), json!([])),
        ("/function_entries".to_owned(), json!({})),
        ("/content".to_owned(), json!(1)),
        ("/family_mapping".to_owned(), json!({"x": "y"})),
        (format!("/sample_entries/{sha256}/timestamp"), json!("yesterday")),
        (format!("{function}/minhash"), json!("abcd")),
        (format!("{function}/minhash"), json!("abc")),
        (format!("{function}/offset"), json!("x")),
        (format!("{function}/xcfg"), json!({"blocks": 5})),
        (format!("{function}/function_labels/0/timestamp"), json!("now")),
        (format!("/function_entries/{sha256}"), json!("not base85")),
    ] {
        let body = changed(&path, value.clone()).to_string();
        let answer = server.send("POST", "/import", &[], body.as_bytes());
        let context = format!("{path} = {value}: {answer:?}");
        assert_eq!((answer.status, answer.body["status"].as_str()), (400, Some("failed")), "{context}");
        assert!(answer.body["data"]["message"].as_str().unwrap().len() < 500, "{context}");
    }
    for body in [&b"{"[..], b"[]", b"null", b"{}", &b"[".repeat(1 << 20), b""] {
        assert_eq!(server.send("POST", "/import", &[], body).status, 400, "{body:.20?}");
    }
    assert_eq!(server.get("/samples").body["data"], json!({}));
    assert_eq!(import(&server, &file)["num_samples_imported"], 1);
    assert_eq!(import(&server, &changed("/config/escaper/intel", json!("0")))["escaper_mismatch"], true);
}
