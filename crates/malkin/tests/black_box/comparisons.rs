//! Questions beyond one sample against everything: cross comparisons, single functions, single hashes.

use serde_json::{Value, json};

use crate::report::report;
use crate::server::Server;

fn start(folder: &std::path::Path) -> Server {
    let server = Server::start(folder, &[]);
    for (name, family, functions) in [("a.exe", "alpha", 10), ("b.exe", "alpha", 11), ("c.exe", "beta", 5)] {
        assert_eq!(server.post_json("/samples", &report(name, family, 7, functions)).status, 200);
    }
    server
}

fn result(server: &Server, path: &str) -> Value {
    let answer = server.get(path);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    let id = answer.body["data"].as_str().unwrap();
    server.await_job(id);
    server.get(&format!("/jobs/{id}/result")).body["data"].take()
}

#[test]
fn samples_are_compared_crosswise() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    for query in ["", "?sample_group_only=true"] {
        let cross = result(&server, &format!("/matches/sample/cross/2,0,%201{query}"));
        let matrix = &cross["nonlib_score_weighted"];
        assert_eq!(matrix["matching_matches"]["0"], json!({"2": 5, "0": 0, "1": 10}), "{query}");
        assert_eq!(matrix["matching_percent"]["2"], json!({"2": 100, "0": 100.0, "1": 100.0}));
        assert_eq!(matrix["clustered_sequence"].as_array().unwrap().len(), 3);
    }
    let id = server.get("/matches/sample/cross/0,77").body["data"].as_str().unwrap().to_owned();
    let failed = server.await_job(&id);
    assert_eq!(
        (&failed["attempts_left"], &failed["locked_by"], failed.get("progress")),
        (&json!(0), &Value::Null, None)
    );
    let too_many = vec!["0"; 1001].join(",");
    for bad in ["a,b", "0,1,", "0;1", &too_many] {
        let answer = server.get(&format!("/matches/sample/cross/{bad}"));
        assert_eq!((answer.status, answer.body["status"].as_str()), (400, Some("failed")), "{bad:.20}");
    }
}

#[test]
fn functions_are_compared_and_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let pair = server.get("/matches/function/3/13").body["data"].take();
    assert_eq!(pair["function_entry_a"]["function_id"], 3);
    assert_eq!(pair["function_entry_b"]["sample_id"], 1);
    assert!(pair["function_entry_b"]["xcfg"]["blocks"].is_object());
    assert_eq!(pair["sample_entry_a"]["filename"], "a.exe");
    assert_eq!(pair["match_entry"]["matches"], json!([1, 1, 13, 100.0, 3]));
    assert_eq!(server.get("/matches/function/3/999").status, 404);

    let found = result(&server, "/matches/function/3");
    assert_eq!(found["info"]["sample"]["sample_id"], 0);
    assert_eq!(
        found["matches"]["functions"][0]["matches"],
        json!([[1, 1, 13, 100.0, 3], [2, 2, 24, 100.0, 3]])
    );
    assert_eq!(server.get("/matches/function/999").body["status"], "failed");
}

#[test]
fn a_single_function_is_queried_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let mut query = report("q.exe", "query", 7, 1);
    query.as_object_mut().unwrap().remove("statistics");
    let answer = server.post_json("/query/function?force_recalculation=true", &query);
    assert_eq!(answer.status, 200, "{answer:?}");
    let result = &answer.body["data"];
    assert_eq!(result["info"]["type"], "matcher_query_function");
    let parameters = format!("getMatchesForSmdaFunction({:.8}@0x401000)", query["sha256"].as_str().unwrap());
    assert_eq!(result["info"]["job"]["parameters"], parameters);
    assert_eq!(result["matches"]["functions"][0]["fid"], -1);
    assert_eq!(result["matches"]["samples"].as_array().unwrap().len(), 3);
    assert_eq!(server.get("/samples/-1").status, 404, "nothing is kept");
    for (body, query) in [
        (report("q.exe", "", 7, 2), ""),
        (report("q.exe", "", 7, 0), ""),
        (query, "?sample_group_only=true"),
        (json!({}), ""),
    ] {
        let answer = server.post_json(&format!("/query/function{query}"), &body);
        assert_eq!((answer.status, answer.body["status"].as_str()), (400, Some("failed")), "{answer:?}");
    }
}

#[test]
fn hashes_are_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let function = server.get("/functions/3").body["data"].take();
    let pichash = format!("{:016x}", function["pichash"].as_u64().unwrap());
    assert_eq!(
        server.get(&format!("/query/pichash/{pichash}")).body["data"],
        json!([[1, 0, 3], [1, 1, 13], [2, 2, 24]])
    );
    assert_eq!(
        server.get(&format!("/query/pichash/{pichash}/summary")).body["data"],
        json!({"families": 2, "samples": 3, "functions": 3})
    );
    let block = &function["picblockhashes"][0];
    let hash = format!("{:016X}", block["hash"].as_u64().unwrap());
    let offset = &block["offset"];
    assert_eq!(
        server.get(&format!("/query/picblockhash/{hash}")).body["data"],
        json!([[1, 0, 3, offset], [1, 1, 13, offset], [2, 2, 24, offset]])
    );
    assert_eq!(
        server.get(&format!("/query/picblockhash/{hash}/summary")).body["data"],
        json!({"families": 2, "samples": 3, "functions": 3, "offsets": 3})
    );
    assert_eq!(server.get("/query/pichash/0123456789abcdef0").body["data"], json!([]));
    for bad in ["00", "0123456789abcdefg", "0x0123456789abcdef"] {
        assert_eq!(server.get(&format!("/query/picblockhash/{bad}/summary")).status, 400, "{bad}");
    }
}

#[test]
fn exact_and_partial_comparisons_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let plain = result(&server, "/matches/sample/0");
    assert!(plain.get("exact").is_none() && plain.get("partial").is_none());
    let exact = result(&server, "/matches/sample/0?exact=true");
    assert_eq!(exact["exact"]["band_matches_required"], 2);
    assert_eq!(exact["exact"]["matches"]["missed"], 0, "equal code shares all bands");
    assert_eq!(exact["matches"], plain["matches"]);

    let id = server.get("/matches/sample/0?time_limit=0").body["data"].as_str().unwrap().to_owned();
    let failed = server.await_job(&id);
    assert!(failed["last_error"].as_str().unwrap().contains("takes more than 0 s"), "{failed}");
    let partial = result(&server, "/matches/sample/0?time_limit=0&partial=true");
    assert_eq!(partial["partial"]["ceiling"], "time");
    assert_eq!((&partial["partial"]["done"], partial["matches"]["samples"].clone()), (&json!(0), json!([])));
    let cross = result(&server, "/matches/sample/cross/0,1?exact=true&partial=true");
    assert!(cross["unweighted"]["matching_percent"]["0"]["1"].as_f64().unwrap() > 0.0);
}

#[test]
fn results_are_cut_down_on_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let id = server.get("/matches/sample/0").body["data"].as_str().unwrap().to_owned();
    let result_id = server.await_job(&id)["result"].as_str().unwrap().to_owned();
    let whole = server.get(&format!("/jobs/{id}/result")).body["data"].take();
    assert_eq!(whole["matches"]["samples"].as_array().unwrap().len(), 2);
    let top = server.get(&format!("/results/{result_id}?top=1")).body["data"].take();
    assert_eq!(top["matches"]["samples"], json!([whole["matches"]["samples"][0]]));
    assert_eq!(top["matches"]["functions"][0]["matches"].as_array().unwrap().len(), 1);
    assert_eq!(top["info"], whole["info"]);
    assert_eq!(top["matches"]["aggregation"], whole["matches"]["aggregation"]);
    let named = server.get(&format!("/jobs/{id}/result?family_name=bet&compact=true")).body["data"].take();
    assert_eq!(named["matches"]["samples"][0]["family"], "beta");
    assert!(named["matches"].get("functions").is_none());
    let none = server.get(&format!("/jobs/{id}/result?function_offset=1")).body["data"].take();
    assert!(none["matches"]["functions"].as_array().unwrap().iter().all(|one| one["matches"] == json!([])));
    let off =
        server.get(&format!("/jobs/{id}/result?function_min_score=0&exclude_library=false")).body["data"]
            .take();
    assert_eq!(off, whole);
}

#[test]
fn progress_is_told_as_events_until_the_job_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let id = server.get("/matches/sample/0").body["data"].as_str().unwrap().to_owned();
    let url = format!("{}/jobs/{id}/events", server.base());
    let mut answer = ureq::get(&url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.body_mut().read_to_string().unwrap();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let (kind, data) = last.split_once("\ndata: ").unwrap();
    assert_eq!(kind, "event: end");
    let job: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&job["state"], job["result"].is_string()), (&json!("finished"), true), "{text}");
    assert_eq!(server.get("/jobs/0123456789abcdef01234567/events").status, 404);
    assert_eq!(server.get("/jobs/x/events").status, 400);
}

#[test]
fn metrics_tell_what_the_work_is_spent_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    result(&server, "/matches/sample/0");
    result(&server, "/uniqueblocks/samples/0");
    let metrics = server.get("/metrics").text;
    let figure = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in\n{metrics}")).parse::<f64>().unwrap()
    };
    // Three reports are read and hashed; their own jobs count, and the two jobs above are compared and written.
    assert!((figure("malkin_stage_total{stage=\"hash\"}") - 3.0).abs() < 0.1);
    assert!((figure("malkin_stage_total{stage=\"compare\"}") - 2.0).abs() < 0.1);
    assert!((figure("malkin_stage_total{stage=\"write\"}") - 2.0).abs() < 0.1);
    assert!(figure("malkin_stage_total{stage=\"store\"}") >= 5.0);
    for stage in ["read", "hash", "store", "compare", "write"] {
        assert!(figure(&format!("malkin_stage_seconds_total{{stage=\"{stage}\"}}")) > 0.0, "{stage}");
    }
    assert!(figure("malkin_store_bytes") > 10_000.0);
    assert!(figure("malkin_corpus{what=\"samples\"}") > 2.5);
}
