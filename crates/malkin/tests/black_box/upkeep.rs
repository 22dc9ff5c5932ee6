//! Maintenance of the corpus: what an import brought in under old or missing hashes is computed from the disassembly.

use serde_json::{Value, json};

use crate::report::report;
use crate::server::Server;

fn run(server: &Server, verb: &str, path: &str) -> Value {
    let answer = server.send(verb, path, &[], b"");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let job = server.await_job(answer.body["data"].as_str().unwrap());
    match job["result"].as_str() {
        Some(result) => server.get(&format!("/results/{result}")).body["data"].take(),
        None => json!({"failed": job["last_error"]}),
    }
}

/// A server that imported one sample of 12 functions after `change` was applied to each function of the file.
fn imported(
    folder: &std::path::Path,
    mut change: impl FnMut(usize, &mut Value),
    version: &str,
) -> (Server, Value) {
    let server = Server::start(folder, &[]);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 12));
    let recalculated = run(&server, "GET", "/recalculate_minhashes");
    assert_eq!(recalculated, 12);
    let functions = server.get("/functions").body["data"].take();
    let mut file = server.get("/export").body["data"].take();
    for sample in file["function_entries"].as_object_mut().unwrap().values_mut() {
        sample
            .as_object_mut()
            .unwrap()
            .values_mut()
            .enumerate()
            .for_each(|(at, function)| change(at, function));
    }
    for sample in file["sample_entries"].as_object_mut().unwrap().values_mut() {
        sample["smda_version"] = json!(version);
    }
    server.send("POST", "/respawn", &[], b"");
    let answer = server.send("POST", "/import", &[], file.to_string().as_bytes());
    assert_eq!(answer.body["data"]["num_functions_imported"], 12, "{answer:?}");
    (server, functions)
}

fn signatures(functions: &Value) -> Vec<&Value> {
    functions.as_object().unwrap().values().map(|function| &function["minhash"]).collect()
}

#[test]
fn missing_signatures_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    let drop = |at: usize, function: &mut Value| {
        if at < 5 {
            function["minhash"] = json!("");
        }
    };
    let (server, functions) = imported(folder.path(), drop, "5.0.1");
    assert_eq!(run(&server, "GET", "/rebuild_index"), json!({"minhash_functions_indexed": 7}));
    assert_eq!(run(&server, "GET", "/complete_minhashes"), 5);
    assert_eq!(signatures(&server.get("/functions").body["data"]), signatures(&functions));
    assert_eq!(run(&server, "GET", "/rebuild_index"), json!({"minhash_functions_indexed": 12}));
    assert!(run(&server, "GET", "/complete_minhashes")["failed"].is_string(), "nothing is left to do");
    assert_eq!(server.get("/status").body["data"]["status"]["num_samples_with_stale_minhashes"], 1);
}

#[test]
fn signatures_of_an_old_escaper_are_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let spoil = |at: usize, function: &mut Value| {
        function["minhash"] = json!("ff".repeat(64));
        if at == 0 {
            function["xcfg"] = json!({});
        }
    };
    let (server, functions) = imported(folder.path(), spoil, "5.0.1");
    let repaired = run(&server, "POST", "/repair_minhashes");
    assert_eq!(
        repaired,
        json!({"compatibility_threshold": "4.4.5", "smda_version": "5.0.1", "num_samples_stale": 1, "num_samples_repaired": 1,
               "num_functions_dropped": 12, "num_functions_rehashed": 11, "num_samples_skipped": 0})
    );
    let now = server.get("/functions").body["data"].take();
    assert_eq!(now["0"]["minhash"], "", "a signature that cannot be compared is worse than none");
    assert_eq!(signatures(&now)[1..], signatures(&functions)[1..]);
    assert_eq!(server.get("/status").body["data"]["status"]["num_samples_with_stale_minhashes"], 0);
    assert_eq!(run(&server, "POST", "/repair_minhashes")["num_samples_stale"], 0);

    // The index has the change: a new sample with the same code matches by signature.
    server.post_json("/samples", &report("b.exe", "beta", 7, 12));
    let id = server.get("/matches/sample/1?pichash_size=1000").body["data"].as_str().unwrap().to_owned();
    server.await_job(&id);
    let matched = server.get(&format!("/jobs/{id}/result")).body["data"]["matches"]["samples"][0].take();
    assert_eq!(matched["matched"]["functions"]["minhashes"], 11);
}

#[test]
fn hashes_of_an_old_disassembler_are_recalculated() {
    let folder = tempfile::tempdir().unwrap();
    let spoil = |at: usize, function: &mut Value| {
        if at < 4 {
            function["picblockhashes"] = json!([]);
        }
    };
    let (server, _) = imported(folder.path(), spoil, "4.2.0");
    // The reports of these tests state made-up PicHashes, so all of them change.
    let expected = json!({"outdated_samples": 1, "functions_updatable": 12, "functions_updated": 12,
        "picblockhashes_updatable": 8, "picblockhashes_updated": 4, "xcfg_missing": 0});
    assert_eq!(run(&server, "GET", "/recalculate_pichashes"), expected);
    assert_eq!(server.get("/samples/0").body["data"]["smda_version"], "5.0.1");
    assert_eq!(run(&server, "GET", "/recalculate_pichashes")["outdated_samples"], 0);
    let blocks = run(&server, "GET", "/rebuild_picblockhash_index");
    let functions = server.get("/functions").body["data"].take();
    let distinct: std::collections::HashSet<u64> = functions
        .as_object()
        .unwrap()
        .values()
        .map(|function| function["picblockhashes"][0]["hash"].as_u64().unwrap())
        .collect();
    assert_eq!(blocks, distinct.len());
    let hash = functions["2"]["pichash"].as_u64().unwrap();
    assert_eq!(server.get(&format!("/query/pichash/{hash:016x}")).body["data"], json!([[1, 0, 2]]));
}

#[test]
fn families_need_no_repair_and_the_configuration_tells_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--token", "hush-hush"]);
    let headers = [("apitoken", "hush-hush")];
    let config = server.send("GET", "/config", &headers, b"");
    assert_eq!((config.status, &config.body["data"]["server"]["token_required"]), (200, &json!(true)));
    assert!(!config.body.to_string().contains("hush"));
    drop(server);
    let server = Server::start(folder.path(), &[]);
    server.post_json("/samples", &report("a.exe", "alpha", 7, 3));
    assert_eq!(
        run(&server, "POST", "/recompute_family_stats"),
        json!({"num_families": 2, "num_families_corrected": 0, "num_families_created": 0, "corrections": {}})
    );
    for (verb, path) in
        [("POST", "/rebuild_index"), ("GET", "/repair_minhashes"), ("GET", "/recompute_family_stats")]
    {
        assert_eq!(server.send(verb, path, &[], b"").status, 405, "{verb} {path}");
    }
}
