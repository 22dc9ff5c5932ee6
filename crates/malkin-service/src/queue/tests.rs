//! The queue at work on a store in memory: one worker, driven by hand.

use std::sync::atomic::AtomicI64;

use malkin_report::SampleId;
use malkin_store::{Added, SqliteStore};

use super::*;
use crate::clock::Clock;
use crate::request::{Changes, MatchArguments, Request};
use crate::test_corpus::sample;

fn engine(samples: u64) -> Engine {
    let store = Arc::new(SqliteStore::open_in_memory().unwrap());
    let engine = Engine::open(store, Clock::Fixed(AtomicI64::new(1000))).unwrap();
    for seed in 0..samples {
        let sample = sample(&format!("{seed}.exe"), "family", seed, 20);
        let added = engine
            .memory()
            .add(engine.store(), &sample, || engine.store().add_sample(&sample, &[], "", engine.now()));
        assert!(matches!(added, Ok(Added::New { .. })));
    }
    engine
}

/// Runs jobs until none is left, resting ones included.
fn work_off(engine: &Engine) {
    while run_next(engine, "worker").unwrap().is_none_or(|pause| {
        std::thread::sleep(pause.min(REST));
        pause < IDLE
    }) {}
}

fn job(engine: &Engine, id: JobId) -> Job {
    engine.store().job(id).unwrap().unwrap()
}

fn ids(numbers: &[i64]) -> Vec<SampleId> {
    numbers.iter().copied().map(SampleId::new).collect()
}

#[test]
fn a_cross_comparison_waits_for_its_parts() {
    let engine = engine(3);
    let id = engine.enqueue_cross(&ids(&[2, 0, 2, 1]), &MatchArguments::none(), false).unwrap();
    assert_eq!(job(&engine, id).unfinished_dependencies.len(), 3);
    work_off(&engine);
    let done = job(&engine, id);
    assert_eq!(done.state(), JobState::Finished);
    let result = engine.store().result(done.result.unwrap()).unwrap().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    let rows: Vec<&String> = result["unweighted"]["matching_percent"].as_object().unwrap().keys().collect();
    assert_eq!(rows, ["2", "0", "1"]);
    assert_eq!(result["unweighted"]["matching_percent"]["0"]["0"], 100);
    // 19 of 20 functions are those of the neighbour.
    assert_eq!(result["unweighted"]["matching_matches"]["0"]["1"], 19);
}

#[test]
fn a_cross_comparison_restricted_to_its_group_finds_the_same() {
    let engine = engine(3);
    let everything = engine.enqueue_cross(&ids(&[0, 1]), &MatchArguments::none(), false).unwrap();
    let mut arguments = MatchArguments::none();
    arguments.sample_group_only(true);
    let group = engine.enqueue_cross(&ids(&[0, 1]), &arguments, false).unwrap();
    work_off(&engine);
    let result = |id| {
        let bytes = engine.store().result(job(&engine, id).result.unwrap()).unwrap().unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let pair = |id| result(id)["unweighted"]["matching_matches"].clone();
    assert_eq!(pair(everything), pair(group));
}

#[test]
fn a_job_whose_dependency_failed_fails() {
    let engine = engine(1);
    for samples in [&[0, 77][..], &[0]] {
        let id = engine.enqueue_cross(&ids(samples), &MatchArguments::none(), false).unwrap();
        work_off(&engine);
        let failed = job(&engine, id);
        assert_eq!(failed.state(), JobState::Failed, "{samples:?}");
        assert_eq!((failed.locked_by, failed.progress, failed.attempts_left), (None, None, 0));
        assert!(failed.last_error.is_some() && failed.started_at.is_some());
    }
}

#[test]
fn a_change_is_found_waiting_before_it_is_made() {
    let engine = engine(1);
    let object = serde_json::json!({"version": "2"});
    let changes = Changes::new(object.as_object().unwrap().clone());
    let id = engine.enqueue_change(&Request::ModifySample(SampleId::new(0), changes)).unwrap();
    let pause = run_next(&engine, "worker").unwrap();
    assert!(pause.is_some_and(|pause| pause <= REST), "{pause:?}");
    assert_eq!(job(&engine, id).state(), JobState::Queued);
    work_off(&engine);
    assert_eq!(job(&engine, id).state(), JobState::Finished);
    assert_eq!(engine.store().sample(SampleId::new(0)).unwrap().unwrap().version, "2");
}
