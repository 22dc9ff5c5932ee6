//! The queue at work on a store in memory: one worker, driven by hand.

use std::sync::atomic::AtomicI64;

use malkin_report::SampleId;
use malkin_store::{Added, JobState, SqliteStore, Usage};

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

/// Runs the next job of any kind.
fn next(engine: &Engine) -> Option<Duration> {
    run_next(engine, "malkin-worker", (Lane::Long, &[]), |_| {}).unwrap()
}

/// Runs jobs until none is left, resting ones included.
fn work_off(engine: &Engine) {
    while next(engine).is_none_or(|pause| {
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
    let pause = next(&engine);
    assert!(pause.is_some_and(|pause| pause <= REST), "{pause:?}");
    assert_eq!(job(&engine, id).state(), JobState::Queued);
    work_off(&engine);
    assert_eq!(job(&engine, id).state(), JobState::Finished);
    assert_eq!(engine.store().sample(SampleId::new(0)).unwrap().unwrap().version, "2");
}

#[test]
fn nothing_of_a_query_is_left_once_its_job_is_gone() {
    let engine = engine(1);
    let binary = |id| Request::QueryBinary(id, MatchArguments::none());
    let failing = engine.enqueue_binary(b"no executable", false, binary).unwrap();
    let waiting = engine.enqueue_query(b"{}", MatchArguments::none(), false).unwrap();
    assert_eq!(engine.store().usage().unwrap().files, 2);
    engine.delete_job(waiting).unwrap();
    work_off(&engine);
    assert_eq!(job(&engine, failing).state(), JobState::Failed);
    let usage = engine.store().usage().unwrap();
    assert_eq!((usage.files, usage.ended_jobs), (0, 1));
    engine.respawn().unwrap();
    assert_eq!(engine.store().usage().unwrap(), Usage::default());
}

#[test]
fn what_nobody_asks_for_expires_and_is_computed_again() {
    let engine = engine(2);
    let keeping = Keeping { results_for: Duration::from_mins(1), ..Keeping::default() };
    let request = Request::MatchSample(SampleId::new(0), MatchArguments::none());
    let id = engine.enqueue(&request, false).unwrap();
    work_off(&engine);
    let result = job(&engine, id).result.unwrap();
    expiry::tend(&engine, &keeping, true).unwrap();
    assert_eq!(engine.enqueue(&request, false).unwrap(), id, "equal requests have one result");
    let Clock::Fixed(now) = engine.clock() else { panic!("the clock of this test is fixed") };
    now.fetch_add(3_600_000, Ordering::Relaxed);
    let waiting =
        engine.enqueue(&Request::MatchSample(SampleId::new(1), MatchArguments::none()), false).unwrap();
    expiry::tend(&engine, &keeping, true).unwrap();
    assert!(engine.store().job(id).unwrap().is_none() && engine.store().result(result).unwrap().is_none());
    let removed = engine.board().removed();
    assert_eq!((removed.jobs, removed.files), (1, 0));
    assert!(removed.bytes > 100, "{removed:?}");
    assert_eq!(job(&engine, waiting).state(), JobState::Queued);
    let again = engine.enqueue(&request, false).unwrap();
    assert_ne!(again, id);
    work_off(&engine);
    assert_eq!(job(&engine, again).state(), JobState::Finished);
}

#[test]
fn a_client_at_its_ceiling_is_refused_and_others_are_not() {
    let engine = engine(2).with_queue_ceiling(crate::Ceiling { jobs: 3, file_bytes: 1 << 20 });
    let ask = |client: &str| {
        let request = Request::MatchSample(SampleId::new(0), MatchArguments::none());
        crate::working_for(client, None, || engine.enqueue(&request, true))
    };
    for _ in 0..3 {
        ask("a").unwrap();
    }
    let error = ask("a").unwrap_err().to_string();
    assert!(error.starts_with("token a has reached its queue limit (jobs: 3,"), "{error}");
    let other = ask("b").unwrap();
    assert_eq!(next(&engine), None);
    assert_eq!(next(&engine), None);
    assert_eq!(job(&engine, other).state(), JobState::Finished, "the second turn is another client's");
    assert_eq!(job(&engine, other).author, "b");
    ask("a").unwrap();
    // A job that stays short of workers for all jobs is taken by one for short jobs.
    let long = crate::working_for("c", None, || {
        engine.enqueue(&Request::Maintain(crate::request::Maintenance::RebuildIndex), true).unwrap()
    });
    let short = |except: &[String]| run_next(&engine, "malkin-short", (Lane::Short, except), |_| {}).unwrap();
    assert!(short(&["token a".to_owned()]).is_some());
    while short(&[]).is_none() {}
    assert_eq!(job(&engine, long).state(), JobState::Queued);
    work_off(&engine);
    assert_eq!(job(&engine, long).state(), JobState::Finished);
}
