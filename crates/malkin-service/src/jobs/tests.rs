//! The queue at work on a store in memory: one worker, driven by hand.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use malkin_report::SampleId;
use malkin_store::{Added, Job, JobState, Lane, SqliteStore, Usage};

use super::kinds::{Changes, ModifySample, QueryBinary, RebuildIndex};
use super::running::DELAY;
use super::worker::{IDLE, run_next};
use super::*;
use crate::app::{App, Settings};
use crate::clock::Clock;
use crate::test_corpus::sample;

fn app(samples: u64) -> App {
    app_with(samples, Settings::default())
}

fn app_with(samples: u64, settings: Settings) -> App {
    let store = Arc::new(SqliteStore::open_in_memory().unwrap());
    let app = App::open_with(None, store, Clock::Fixed(AtomicI64::new(1000)), settings).unwrap();
    for seed in 0..samples {
        let sample = sample(&format!("{seed}.exe"), "family", seed, 20);
        let added = app.corpus.add(&sample);
        assert!(matches!(added, Ok(Added::New { .. })));
    }
    app
}

/// Runs the next job of any kind.
fn next(app: &App) -> Option<Duration> {
    run_next(&app.jobs, "malkin-worker", (Lane::Long, &[]), |_| {}).unwrap()
}

/// Runs jobs until none is left, resting ones included.
fn work_off(app: &App) {
    while next(app).is_none_or(|pause| {
        std::thread::sleep(pause.min(DELAY));
        pause < IDLE
    }) {}
}

fn job(app: &App, id: JobId) -> Job {
    app.corpus.store().job(id).unwrap().unwrap()
}

fn ids(numbers: &[i64]) -> Vec<SampleId> {
    numbers.iter().copied().map(SampleId::new).collect()
}

#[test]
fn a_cross_comparison_waits_for_its_parts() {
    let app = app(3);
    let id = app.jobs.enqueue_cross(&ids(&[2, 0, 2, 1]), &MatchArguments::none(), false).unwrap();
    assert_eq!(job(&app, id).unfinished_dependencies.len(), 3);
    work_off(&app);
    let done = job(&app, id);
    assert_eq!(done.state(), JobState::Finished);
    let result = app.corpus.store().result(done.result.unwrap()).unwrap().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
    let rows: Vec<&String> = result["unweighted"]["matching_percent"].as_object().unwrap().keys().collect();
    assert_eq!(rows, ["2", "0", "1"]);
    assert_eq!(result["unweighted"]["matching_percent"]["0"]["0"], 100);
    // 19 of 20 functions are those of the neighbour.
    assert_eq!(result["unweighted"]["matching_matches"]["0"]["1"], 19);
}

#[test]
fn a_cross_comparison_restricted_to_its_group_finds_the_same() {
    let app = app(3);
    let everything = app.jobs.enqueue_cross(&ids(&[0, 1]), &MatchArguments::none(), false).unwrap();
    let mut arguments = MatchArguments::none();
    arguments.sample_group_only(true);
    let group = app.jobs.enqueue_cross(&ids(&[0, 1]), &arguments, false).unwrap();
    work_off(&app);
    let result = |id| {
        let bytes = app.corpus.store().result(job(&app, id).result.unwrap()).unwrap().unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let pair = |id| result(id)["unweighted"]["matching_matches"].clone();
    assert_eq!(pair(everything), pair(group));
}

#[test]
fn a_job_whose_dependency_failed_fails() {
    let app = app(1);
    for samples in [&[0, 77][..], &[0]] {
        let id = app.jobs.enqueue_cross(&ids(samples), &MatchArguments::none(), false).unwrap();
        work_off(&app);
        let failed = job(&app, id);
        assert_eq!(failed.state(), JobState::Failed, "{samples:?}");
        assert_eq!((failed.locked_by, failed.progress, failed.attempts_left), (None, None, 0));
        assert!(failed.last_error.is_some() && failed.started_at.is_some());
    }
}

#[test]
fn a_change_is_found_waiting_before_it_is_made() {
    let app = app(1);
    let object = serde_json::json!({"version": "2"});
    let changes = Changes::new(object.as_object().unwrap().clone());
    let id = app.jobs.enqueue_change(&ModifySample(SampleId::new(0), changes)).unwrap();
    let pause = next(&app);
    assert!(pause.is_some_and(|pause| pause <= DELAY), "{pause:?}");
    assert_eq!(job(&app, id).state(), JobState::Queued);
    work_off(&app);
    assert_eq!(job(&app, id).state(), JobState::Finished);
    assert_eq!(app.corpus.store().sample(SampleId::new(0)).unwrap().unwrap().version, "2");
}

#[test]
fn nothing_of_a_query_is_left_once_its_job_is_gone() {
    let app = app(1);
    let binary = QueryBinary(MatchArguments::none());
    let failing = app.jobs.enqueue_file(b"no executable", &binary, false).unwrap();
    let waiting = app.jobs.enqueue_query(b"{}", MatchArguments::none(), false).unwrap();
    assert_eq!(app.corpus.store().usage().unwrap().files, 2);
    app.jobs.delete(waiting).unwrap();
    work_off(&app);
    assert_eq!(job(&app, failing).state(), JobState::Failed);
    let usage = app.corpus.store().usage().unwrap();
    assert_eq!((usage.files, usage.ended_jobs), (0, 1));
    app.respawn().unwrap();
    assert_eq!(app.corpus.store().usage().unwrap(), Usage::default());
}

#[test]
fn what_nobody_asks_for_expires_and_is_computed_again() {
    let app = app(2);
    let keeping = Keeping { results_for: Duration::from_mins(1), ..Keeping::default() };
    let request = MatchSample(SampleId::new(0), MatchArguments::none());
    let id = app.jobs.enqueue(&request, false).unwrap();
    work_off(&app);
    let result = job(&app, id).result.unwrap();
    expiry::tend(&app.jobs, &keeping, true).unwrap();
    assert_eq!(app.jobs.enqueue(&request, false).unwrap(), id, "equal requests have one result");
    let Clock::Fixed(now) = app.corpus.clock() else { panic!("the clock of this test is fixed") };
    now.fetch_add(3_600_000, Ordering::Relaxed);
    let waiting = app.jobs.enqueue(&MatchSample(SampleId::new(1), MatchArguments::none()), false).unwrap();
    expiry::tend(&app.jobs, &keeping, true).unwrap();
    assert!(
        app.corpus.store().job(id).unwrap().is_none() && app.corpus.store().result(result).unwrap().is_none()
    );
    let removed = app.jobs.running().removed();
    assert_eq!((removed.jobs, removed.files), (1, 0));
    assert!(removed.bytes > 100, "{removed:?}");
    assert_eq!(job(&app, waiting).state(), JobState::Queued);
    let again = app.jobs.enqueue(&request, false).unwrap();
    assert_ne!(again, id);
    work_off(&app);
    assert_eq!(job(&app, again).state(), JobState::Finished);
}

#[test]
fn a_client_at_its_ceiling_is_refused_and_others_are_not() {
    let app = app_with(
        2,
        Settings { queue_ceiling: Ceiling { jobs: 3, file_bytes: 1 << 20 }, ..Settings::default() },
    );
    let ask = |client: &str| {
        let request = MatchSample(SampleId::new(0), MatchArguments::none());
        crate::working_for(client, None, || app.jobs.enqueue(&request, true))
    };
    for _ in 0..3 {
        ask("a").unwrap();
    }
    let error = ask("a").unwrap_err().to_string();
    assert!(error.starts_with("token a has reached its queue limit (jobs: 3,"), "{error}");
    let other = ask("b").unwrap();
    assert_eq!(next(&app), None);
    assert_eq!(next(&app), None);
    assert_eq!(job(&app, other).state(), JobState::Finished, "the second turn is another client's");
    assert_eq!(job(&app, other).author, "b");
    ask("a").unwrap();
    // A job that stays short of workers for all jobs is taken by one for short jobs.
    let long = crate::working_for("c", None, || app.jobs.enqueue(&RebuildIndex, true).unwrap());
    let short =
        |except: &[String]| run_next(&app.jobs, "malkin-short", (Lane::Short, except), |_| {}).unwrap();
    assert!(short(&["token a".to_owned()]).is_some());
    while short(&[]).is_none() {}
    assert_eq!(job(&app, long).state(), JobState::Queued);
    work_off(&app);
    assert_eq!(job(&app, long).state(), JobState::Finished);
}
