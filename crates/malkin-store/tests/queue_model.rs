//! The queue against a model of it: random steps, after each of which every job stands where a naive list of jobs says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use malkin_report::JobId;
use malkin_store::conformance::at;
use malkin_store::{Job, JobFilter, JobState, Jobs, NewJob, SqliteStore, Timestamp};
use proptest::prelude::*;

/// One step of a run. Jobs are named by the order they were queued in, modulo their number.
#[derive(Clone, Debug)]
enum Step {
    Enqueue { descriptor: u8, priority: i64, depends_on: Vec<usize>, attempts: u32, always_new: bool },
    Claim { worker: u8 },
    Heartbeat { job: usize, worker: u8 },
    Finish { job: usize, worker: u8 },
    Fail { job: usize, worker: u8, fatal: bool },
    HandBack { job: usize, worker: u8 },
    Terminate { job: usize },
    Delete { job: usize },
    Expire { age: i64 },
    KillWorker { worker: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0_u8..3;
    let job = 0_usize..40;
    let dependencies = prop::collection::vec(0_usize..40, 0..3);
    prop_oneof![
        6 => (0_u8..6, -1_i64..2, dependencies, 0_u32..4, any::<bool>()).prop_map(
            |(descriptor, priority, depends_on, attempts, always_new)| Step::Enqueue {
                descriptor, priority, depends_on, attempts, always_new
            }),
        8 => worker.clone().prop_map(|worker| Step::Claim { worker }),
        2 => (job.clone(), worker.clone()).prop_map(|(job, worker)| Step::Heartbeat { job, worker }),
        6 => (job.clone(), worker.clone()).prop_map(|(job, worker)| Step::Finish { job, worker }),
        4 => (job.clone(), worker.clone(), prop::bool::weighted(0.2))
            .prop_map(|(job, worker, fatal)| Step::Fail { job, worker, fatal }),
        1 => (job.clone(), worker.clone()).prop_map(|(job, worker)| Step::HandBack { job, worker }),
        1 => job.clone().prop_map(|job| Step::Terminate { job }),
        1 => job.prop_map(|job| Step::Delete { job }),
        1 => (0_i64..20).prop_map(|age| Step::Expire { age }),
        1 => worker.prop_map(|worker| Step::KillWorker { worker }),
    ]
}

#[derive(Clone, Debug)]
struct Modelled {
    id: JobId,
    descriptor: u8,
    priority: i64,
    depends_on: Vec<usize>,
    attempts: u32,
    worker: Option<u8>,
    locked_at: Timestamp,
    /// None while it waits or runs.
    ended: Option<JobState>,
    deleted: bool,
}

impl Modelled {
    fn state(&self) -> JobState {
        self.ended.unwrap_or(if self.worker.is_some() { JobState::InProgress } else { JobState::Queued })
    }
}

#[derive(Default)]
struct Model {
    jobs: Vec<Modelled>,
}

impl Model {
    fn waits(&self, job: &Modelled) -> bool {
        job.depends_on.iter().any(|other| !self.jobs[*other].deleted && self.jobs[*other].ended.is_none())
    }

    /// The job that has to run next.
    fn next(&self) -> Option<usize> {
        let ready = (0..self.jobs.len()).filter(|n| {
            let job = &self.jobs[*n];
            !job.deleted && job.state() == JobState::Queued && !self.waits(job)
        });
        ready.min_by_key(|n| (-self.jobs[*n].priority, *n))
    }

    fn held(&mut self, job: usize, worker: u8) -> Option<&mut Modelled> {
        self.jobs.get_mut(job).filter(|job| !job.deleted && job.ended.is_none() && job.worker == Some(worker))
    }

    fn lose(job: &mut Modelled, all: bool) {
        job.attempts = if all { 0 } else { job.attempts - 1 };
        job.worker = None;
        job.ended = (job.attempts == 0).then_some(JobState::Failed);
    }
}

fn name(worker: u8) -> String {
    format!("worker{worker}-")
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let store = SqliteStore::open_in_memory().unwrap();
    let mut model = Model::default();
    for (clock, step) in (100..).zip(steps) {
        take(&store, &mut model, step, clock)?;
        compare(&store, &model)?;
    }
    drain(&store, &mut model)
}

fn take(store: &SqliteStore, model: &mut Model, step: Step, clock: i64) -> Result<(), TestCaseError> {
    let now = at(clock);
    let pick =
        |model: &Model, job: usize| if model.jobs.is_empty() { None } else { Some(job % model.jobs.len()) };
    match step {
        Step::Enqueue { descriptor, priority, depends_on, attempts, always_new } => {
            let live_since = at(clock - 10);
            let mut depends_on: Vec<usize> = depends_on.iter().filter_map(|job| pick(model, *job)).collect();
            depends_on.sort_unstable();
            depends_on.dedup();
            let new = NewJob {
                method: format!("m{}", descriptor % 2),
                params: String::new(),
                file_params: "{}".to_owned(),
                descriptor: descriptor.to_string(),
                dependencies: depends_on.iter().map(|job| model.jobs[*job].id).collect(),
                priority,
                attempts,
                author: String::new(),
                always_new,
            };
            let id = store.enqueue(&new, live_since, now).unwrap();
            let reusable = |job: &&Modelled| {
                let live = match job.state() {
                    JobState::Queued | JobState::Finished => true,
                    JobState::InProgress => job.locked_at >= live_since,
                    JobState::Failed | JobState::Terminated => false,
                };
                !job.deleted && job.descriptor == descriptor && live
            };
            if let Some(known) = model.jobs.iter().rev().find(reusable).filter(|_| !always_new) {
                prop_assert_eq!(id, known.id);
                return Ok(());
            }
            prop_assert!(model.jobs.last().is_none_or(|last| last.id < id), "ids ascend");
            let attempts = attempts.max(1);
            let locked_at = now;
            model.jobs.push(Modelled {
                id,
                descriptor,
                priority,
                depends_on,
                attempts,
                locked_at,
                worker: None,
                ended: None,
                deleted: false,
            });
        }
        Step::Claim { worker } => {
            let claimed = store.claim(&name(worker), now).unwrap();
            let next = model.next();
            prop_assert_eq!(claimed.map(|job| job.id), next.map(|job| model.jobs[job].id));
            if let Some(job) = next {
                model.jobs[job].worker = Some(worker);
                model.jobs[job].locked_at = now;
            }
        }
        Step::Heartbeat { job, worker } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let id = model.jobs[job].id;
            let renewed = store.heartbeat(id, &name(worker), Some(0.5), now).unwrap();
            let held = model.held(job, worker);
            prop_assert_eq!(renewed, held.is_some());
            if let Some(job) = held {
                job.locked_at = now;
            }
        }
        Step::Finish { job, worker } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let id = model.jobs[job].id;
            let result = store.finish(id, &name(worker), b"{}", now).unwrap();
            let held = model.held(job, worker);
            prop_assert_eq!(result.is_some(), held.is_some());
            if let Some(job) = held {
                job.ended = Some(JobState::Finished);
            }
        }
        Step::Fail { job, worker, fatal } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            store.fail(model.jobs[job].id, &name(worker), "because", fatal, now).unwrap();
            if let Some(job) = model.held(job, worker) {
                Model::lose(job, fatal);
            }
        }
        Step::HandBack { job, worker } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let back = store.release(model.jobs[job].id, &name(worker)).unwrap();
            let held = model.held(job, worker);
            prop_assert_eq!(back, held.is_some());
            if let Some(job) = held {
                job.worker = None;
            }
        }
        Step::Terminate { job } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let job = &mut model.jobs[job];
            let cancelled = store.terminate(job.id, now).unwrap();
            prop_assert_eq!(cancelled, !job.deleted && job.ended.is_none());
            job.ended = job.ended.or(Some(JobState::Terminated));
        }
        Step::Delete { job } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let job = &mut model.jobs[job];
            prop_assert_eq!(store.delete_job(job.id).unwrap(), !job.deleted);
            job.deleted = true;
        }
        Step::Expire { age } => {
            let since = at(clock - age);
            release(store, model, since, None, |job| job.locked_at < since)?;
        }
        Step::KillWorker { worker } => {
            let since = Timestamp::from_millis(i64::MIN);
            release(store, model, since, Some(&name(worker)), |job| job.worker == Some(worker))?;
        }
    }
    Ok(())
}

fn release(
    store: &SqliteStore,
    model: &mut Model,
    since: Timestamp,
    dead: Option<&str>,
    lost: impl Fn(&Modelled) -> bool,
) -> Result<(), TestCaseError> {
    let mut count = 0;
    for job in model.jobs.iter_mut().filter(|job| !job.deleted && job.state() == JobState::InProgress) {
        if lost(job) {
            Model::lose(job, false);
            count += 1;
        }
    }
    prop_assert_eq!(store.release_expired(since, dead, at(0)).unwrap(), count);
    Ok(())
}

/// Every job stands where the model says, with its dependants and its counters.
fn compare(store: &SqliteStore, model: &Model) -> Result<(), TestCaseError> {
    let stored = store.jobs(&JobFilter::default(), 0, 0, true).unwrap();
    let expected: Vec<&Modelled> = model.jobs.iter().filter(|job| !job.deleted).collect();
    prop_assert_eq!(stored.len(), expected.len(), "no job is lost and none appears");
    for (job, expected) in stored.iter().zip(&expected) {
        prop_assert_eq!(job.id, expected.id);
        prop_assert_eq!(job.state(), expected.state());
        prop_assert_eq!(job.attempts_left, expected.attempts);
        prop_assert_eq!(job.unfinished_dependencies.is_empty(), !model.waits(expected));
        prop_assert_eq!(job.all_dependencies.len(), expected.depends_on.len());
        prop_assert_eq!(job.notify_done, expected.ended.is_some());
        check_parts(store, job)?;
    }
    let stats = store.job_stats(false).unwrap();
    for (method, states) in &stats {
        for (state, count) in states {
            let there = stored.iter().filter(|job| job.method == *method && job.state() == *state).count();
            prop_assert_eq!(*count, there as u64, "{} {:?}", method, state);
        }
    }
    Ok(())
}

fn check_parts(store: &SqliteStore, job: &Job) -> Result<(), TestCaseError> {
    prop_assert_eq!(job.result.is_some(), job.state() == JobState::Finished);
    if let Some(result) = job.result {
        prop_assert!(store.result(result).unwrap().is_some());
    }
    prop_assert_eq!(job.last_error.is_some() || job.attempts_left > 0, true, "a failed job has a reason");
    Ok(())
}

/// Whatever happened, workers that go on bring every job to an end.
fn drain(store: &SqliteStore, model: &mut Model) -> Result<(), TestCaseError> {
    store.release_expired(at(0), Some(""), at(0)).unwrap();
    let mut claims = 0;
    while let Some(job) = store.claim("last", at(1_000_000)).unwrap() {
        let result = store.finish(job.id, "last", b"{}", at(1_000_000)).unwrap();
        prop_assert!(result.is_some());
        claims += 1;
        prop_assert!(claims <= model.jobs.len());
    }
    for job in store.jobs(&JobFilter::default(), 0, 0, true).unwrap() {
        let ended = matches!(job.state(), JobState::Finished | JobState::Failed | JobState::Terminated);
        prop_assert!(ended, "{:?} is left over", job);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_queue_does_what_the_model_does(steps in prop::collection::vec(step(), 1..80)) {
        run(steps)?;
    }
}
