//! The process is killed at any moment: everything acknowledged is there afterwards, whole.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::report::report;
use crate::server::Server;
use crate::verify::verify;

#[test]
fn acknowledged_samples_survive_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(Value, u64)> = Vec::new();
    for round in 0..8_u64 {
        let mut server = Server::start(folder.path(), &[]);
        for (sample, functions) in &acknowledged {
            assert_whole(&server, sample, *functions);
        }
        // Another moment of the work in each round: between the first acknowledgement and the fourth.
        let until = Instant::now() + Duration::from_millis(40 + 37 * round);
        for number in 0.. {
            let functions = 5 + (round * 7 + number) % 60;
            let sample =
                report(&format!("r{round}n{number}.exe"), "family", round * 1000 + number * 100, functions);
            if number == 3 || Instant::now() > until {
                // The request that is on its way when the process dies: nobody may rely on it, it may be there or not.
                let base = server.base().to_owned();
                let sender = std::thread::spawn(move || {
                    let _ = ureq::post(format!("{base}/samples"))
                        .header("content-type", "application/json")
                        .send(sample.to_string());
                });
                std::thread::sleep(Duration::from_millis(round * 3));
                server.kill();
                let _ = sender.join();
                break;
            }
            let answer = server.post_json("/samples", &sample);
            assert_eq!(answer.status, 200, "{answer:?}");
            acknowledged.push((answer.body["data"]["sample_info"].clone(), functions));
        }
    }
    let server = Server::start(folder.path(), &[]);
    for (sample, functions) in &acknowledged {
        assert_whole(&server, sample, *functions);
    }
    let listed = server.get("/samples").body["data"].as_object().unwrap().len();
    let counted = server.get("/status").body["data"]["status"]["num_samples"].as_u64().unwrap();
    assert_eq!(listed as u64, counted);
    for id in server.get("/samples").body["data"].as_object().unwrap().keys() {
        let sample = server.get(&format!("/samples/{id}")).body["data"].take();
        let functions = sample["statistics"]["num_functions"].as_u64().unwrap();
        assert_whole(&server, &sample, functions);
    }
    let jobs = server.get("/jobs").body["data"].take();
    for job in jobs.as_array().unwrap() {
        let ended = server.await_job(job["_id"]["$oid"].as_str().unwrap());
        assert!(ended["result"].is_string() || ended["attempts_left"] == 0, "{ended}");
    }
    drop(server);
    let (status, report) = verify(folder.path());
    assert_eq!(status, Some(0), "{report}");
}

fn assert_whole(server: &Server, sample: &Value, functions: u64) {
    let id = &sample["sample_id"];
    assert_eq!(&server.get(&format!("/samples/{id}")).body["data"], sample);
    let stored = server.get(&format!("/samples/{id}/functions")).body["data"].take();
    let stored = stored.as_object().expect("functions by number");
    assert_eq!(stored.len() as u64, functions, "sample {id}");
    for function in stored.values() {
        assert_eq!(function["xcfg"]["offset"], function["offset"]);
        assert_eq!(function["minhash"].as_str().map(str::len), Some(128));
    }
}

#[test]
fn a_second_process_is_refused_with_the_address_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_malkin"))
        .args(["status", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("in use") && error.contains(server.base()), "{error}");
}
