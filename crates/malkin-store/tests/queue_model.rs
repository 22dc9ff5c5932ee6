//! The queue against a model of it: random steps, after each of which every job stands where a naive list of jobs says, every
//! file is there for as long as a job needs it, and no longer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use malkin_report::JobId;
use malkin_store::conformance::at;
use malkin_store::{
    Hold, Job, JobFilter, JobState, Jobs, Lane, NewJob, Retention, SqliteStore, Timestamp, Upload, Wanted,
};
use proptest::prelude::*;

/// One step of a run. Jobs are named by the order they were queued in, modulo their number.
#[derive(Clone, Debug)]
enum Step {
    Enqueue {
        descriptor: u8,
        priority: i64,
        depends_on: Vec<usize>,
        attempts: u32,
        always_new: bool,
        client: u8,
        is_long: bool,
        file: Option<u8>,
    },
    Claim {
        worker: u8,
        is_short_only: bool,
        except: Option<u8>,
    },
    /// `old` is how many attempts ago the worker was given the job.
    Heartbeat {
        job: usize,
        worker: u8,
        old: u32,
    },
    Finish {
        job: usize,
        worker: u8,
        old: u32,
    },
    Fail {
        job: usize,
        worker: u8,
        old: u32,
        fatal: bool,
    },
    HandBack {
        job: usize,
        worker: u8,
        old: u32,
    },
    Terminate {
        job: usize,
    },
    Delete {
        job: usize,
    },
    LoseLeases {
        age: i64,
    },
    KillWorker {
        worker: u8,
    },
    /// Ended jobs that were not used for so long are deleted.
    ExpireJobs {
        age: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0_u8..3;
    let job = 0_usize..40;
    let dependencies = prop::collection::vec(0_usize..40, 0..3);
    let new = (0_u8..6, -1_i64..2, dependencies, 0_u32..4, any::<bool>());
    let whose = (0_u8..3, prop::bool::weighted(0.3), prop::option::of(0_u8..3));
    let held = (job.clone(), worker.clone(), prop_oneof![5 => Just(0_u32), 1 => Just(1)]);
    prop_oneof![
        6 => (new, whose).prop_map(
            |((descriptor, priority, depends_on, attempts, always_new), (client, is_long, file))| Step::Enqueue {
                descriptor, priority, depends_on, attempts, always_new, client, is_long, file
            }),
        8 => (worker.clone(), prop::bool::weighted(0.2), prop::option::weighted(0.2, 0_u8..3))
            .prop_map(|(worker, is_short_only, except)| Step::Claim { worker, is_short_only, except }),
        2 => held.clone().prop_map(|(job, worker, old)| Step::Heartbeat { job, worker, old }),
        6 => held.clone().prop_map(|(job, worker, old)| Step::Finish { job, worker, old }),
        4 => (held.clone(), prop::bool::weighted(0.2))
            .prop_map(|((job, worker, old), fatal)| Step::Fail { job, worker, old, fatal }),
        1 => held.prop_map(|(job, worker, old)| Step::HandBack { job, worker, old }),
        1 => job.clone().prop_map(|job| Step::Terminate { job }),
        1 => job.prop_map(|job| Step::Delete { job }),
        1 => (0_i64..20).prop_map(|age| Step::LoseLeases { age }),
        1 => worker.prop_map(|worker| Step::KillWorker { worker }),
        1 => (0_i64..40).prop_map(|age| Step::ExpireJobs { age }),
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
    attempt: u32,
    lane: Lane,
    /// Who waits for it, until it has ended.
    clients: Vec<u8>,
    file: Option<u8>,
    used_at: Timestamp,
    /// None while it waits or runs.
    ended: Option<JobState>,
    deleted: bool,
}

impl Modelled {
    fn is_live(&self) -> bool {
        !self.deleted && self.ended.is_none()
    }

    fn end(&mut self, state: JobState, now: Timestamp) {
        self.ended = Some(state);
        self.used_at = now;
    }

    fn state(&self) -> JobState {
        self.ended.unwrap_or(if self.worker.is_some() { JobState::InProgress } else { JobState::Queued })
    }
}

#[derive(Default)]
struct Model {
    jobs: Vec<Modelled>,
    /// Whose turn it is, the first one next.
    round: Vec<(Lane, u8)>,
}

impl Model {
    fn waits(&self, job: &Modelled) -> bool {
        job.depends_on.iter().any(|other| self.jobs[*other].is_live())
    }

    fn is_ready(&self, job: &Modelled) -> bool {
        !job.deleted && job.state() == JobState::Queued && !self.waits(job)
    }

    /// Clients of ready jobs have a place in the round.
    fn seat(&mut self, jobs: impl IntoIterator<Item = usize>) {
        for number in jobs {
            let job = &self.jobs[number];
            if self.is_ready(job) {
                let mut clients = job.clients.clone();
                clients.sort_unstable();
                for client in clients {
                    let place = (self.jobs[number].lane, client);
                    if !self.round.contains(&place) {
                        self.round.push(place);
                    }
                }
            }
        }
    }

    fn dependants(&self, job: usize) -> Vec<usize> {
        (0..self.jobs.len()).filter(|other| self.jobs[*other].depends_on.contains(&job)).collect()
    }

    /// The job that has to run next. Places of clients that are met and have nothing ready are given up.
    fn next(&mut self, lane: Lane, except: Option<u8>) -> Option<usize> {
        let (mut empty, mut found) = (Vec::new(), None);
        for (at, place) in self.round.iter().enumerate() {
            if place.0 > lane || Some(place.1) == except {
                continue;
            }
            let ready = (0..self.jobs.len()).filter(|n| {
                let job = &self.jobs[*n];
                self.is_ready(job) && job.lane == place.0 && job.clients.contains(&place.1)
            });
            match ready.min_by_key(|n| (-self.jobs[*n].priority, *n)) {
                None => empty.push(*place),
                Some(job) => {
                    found = Some((at, *place, job));
                    break;
                }
            }
        }
        if let Some((at, place, _)) = found {
            self.round.remove(at);
            self.round.push(place);
        }
        self.round.retain(|place| !empty.contains(place));
        found.map(|(_, _, job)| job)
    }

    fn held(&mut self, job: usize, worker: u8, old: u32) -> Option<&mut Modelled> {
        self.jobs.get_mut(job).filter(|job| job.is_live() && job.worker == Some(worker) && old == 0)
    }

    fn lose(job: &mut Modelled, all: bool, now: Timestamp) {
        job.attempts = if all { 0 } else { job.attempts - 1 };
        job.worker = None;
        if job.attempts == 0 {
            job.end(JobState::Failed, now);
        }
    }

    /// After a job was released or has ended.
    fn settle(&mut self, job: usize) {
        if self.jobs[job].is_live() {
            self.seat([job]);
        } else {
            self.seat(self.dependants(job));
        }
    }
}

fn file_of(number: u8) -> Vec<u8> {
    vec![number; 300]
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
        Step::Enqueue { descriptor, priority, depends_on, attempts, always_new, client, is_long, file } => {
            let live_since = at(clock - 10);
            let mut depends_on: Vec<usize> = depends_on.iter().filter_map(|job| pick(model, *job)).collect();
            depends_on.sort_unstable();
            depends_on.dedup();
            let lane = if is_long { Lane::Long } else { Lane::Short };
            let new = NewJob {
                method: format!("m{}", descriptor % 2),
                file_params: "{}".to_owned(),
                descriptor: descriptor.to_string(),
                dependencies: depends_on.iter().map(|job| model.jobs[*job].id).collect(),
                priority,
                attempts,
                client: client.to_string(),
                lane,
                always_new,
                ..NewJob::default()
            };
            let with_file = |upload: &Upload| NewJob {
                file_params: format!("{{\"0\": \"{}\"}}", upload.id),
                ..new.clone()
            };
            let id = match file {
                None => store.enqueue(&new, live_since, now).unwrap(),
                Some(file) => store.enqueue_file(&file_of(file), &with_file, live_since, now).unwrap(),
            };
            let reusable = |job: &Modelled| {
                let live = match job.state() {
                    JobState::Queued | JobState::Finished => true,
                    JobState::InProgress => job.locked_at >= live_since,
                    JobState::Failed | JobState::Terminated => false,
                };
                !job.deleted && job.descriptor == descriptor && live
            };
            let known = (0..model.jobs.len()).rev().find(|n| reusable(&model.jobs[*n]));
            if let Some(number) = known.filter(|_| !always_new) {
                let job = &mut model.jobs[number];
                prop_assert_eq!(id, job.id);
                // Uses within a minute of each other are not noted.
                if job.state() == JobState::Finished && job.used_at < at(clock - 60) {
                    job.used_at = now;
                }
                if job.state() == JobState::Queued {
                    if !job.clients.contains(&client) {
                        job.clients.push(client);
                    }
                    model.seat([number]);
                }
                return Ok(());
            }
            prop_assert!(model.jobs.last().is_none_or(|last| last.id < id), "ids ascend");
            model.jobs.push(Modelled {
                id,
                descriptor,
                priority,
                depends_on,
                attempts: attempts.max(1),
                locked_at: now,
                attempt: 0,
                lane,
                clients: vec![client],
                file,
                used_at: now,
                worker: None,
                ended: None,
                deleted: false,
            });
            model.seat([model.jobs.len() - 1]);
        }
        Step::Claim { worker, is_short_only, except } => {
            let lane = if is_short_only { Lane::Short } else { Lane::Long };
            let except_clients: Vec<String> = except.iter().map(u8::to_string).collect();
            let wanted = Wanted { lane, except_clients: &except_clients, delayed: &[] };
            let claimed = store.claim(&name(worker), &wanted, now).unwrap();
            let next = model.next(lane, except);
            prop_assert_eq!(claimed.map(|claimed| claimed.job.id), next.map(|job| model.jobs[job].id));
            if let Some(job) = next {
                let job = &mut model.jobs[job];
                job.worker = Some(worker);
                job.locked_at = now;
                job.attempt += 1;
            }
        }
        Step::Heartbeat { job, worker, old } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let renewed = store.heartbeat(&hold(model, job, worker, old), Some(0.5), now).unwrap();
            let held = model.held(job, worker, old);
            prop_assert_eq!(renewed, held.is_some());
            if let Some(job) = held {
                job.locked_at = now;
            }
        }
        Step::Finish { job, worker, old } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let result = store.finish(&hold(model, job, worker, old), b"{}", now).unwrap();
            let held = model.held(job, worker, old);
            prop_assert_eq!(result.is_some(), held.is_some());
            if let Some(held) = held {
                held.end(JobState::Finished, now);
                model.settle(job);
            }
        }
        Step::Fail { job, worker, old, fatal } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            store.fail(&hold(model, job, worker, old), "because", fatal, now).unwrap();
            if let Some(held) = model.held(job, worker, old) {
                Model::lose(held, fatal, now);
                model.settle(job);
            }
        }
        Step::HandBack { job, worker, old } => {
            let Some(job) = pick(model, job) else { return Ok(()) };
            let back = store.release(&hold(model, job, worker, old)).unwrap();
            let held = model.held(job, worker, old);
            prop_assert_eq!(back, held.is_some());
            if let Some(held) = held {
                held.worker = None;
                model.settle(job);
            }
        }
        Step::Terminate { job: number } => {
            let Some(number) = pick(model, number) else { return Ok(()) };
            let job = &mut model.jobs[number];
            let cancelled = store.terminate(job.id, now).unwrap();
            prop_assert_eq!(cancelled, job.is_live());
            if cancelled {
                job.end(JobState::Terminated, now);
                model.settle(number);
            }
        }
        Step::Delete { job: number } => {
            let Some(number) = pick(model, number) else { return Ok(()) };
            let job = &mut model.jobs[number];
            prop_assert_eq!(store.delete_job(job.id).unwrap(), !job.deleted);
            job.deleted = true;
            model.settle(number);
        }
        Step::LoseLeases { age } => {
            let since = at(clock - age);
            release(store, model, (since, "", now), |job| job.locked_at < since)?;
        }
        Step::KillWorker { worker } => {
            let since = Timestamp::from_millis(i64::MIN);
            release(store, model, (since, &name(worker), now), |job| job.worker == Some(worker))?;
        }
        Step::ExpireJobs { age } => expire_jobs(store, model, at(clock - age))?,
    }
    Ok(())
}

/// What a worker names that was given the job `old` attempts ago.
fn hold(model: &Model, job: usize, worker: u8, old: u32) -> Hold {
    let job = &model.jobs[job];
    Hold { id: job.id, worker: name(worker), attempt: job.attempt.wrapping_sub(old) }
}

fn release(
    store: &SqliteStore,
    model: &mut Model,
    (since, dead, now): (Timestamp, &str, Timestamp),
    lost: impl Fn(&Modelled) -> bool,
) -> Result<(), TestCaseError> {
    let running = |job: &Modelled| !job.deleted && job.state() == JobState::InProgress;
    let jobs: Vec<usize> =
        (0..model.jobs.len()).filter(|n| running(&model.jobs[*n]) && lost(&model.jobs[*n])).collect();
    for job in &jobs {
        Model::lose(&mut model.jobs[*job], false, now);
        model.settle(*job);
    }
    prop_assert_eq!(store.release_expired(since, dead, now).unwrap(), jobs.len() as u64);
    Ok(())
}

fn expire_jobs(store: &SqliteStore, model: &mut Model, unused_since: Timestamp) -> Result<(), TestCaseError> {
    let never = Timestamp::from_millis(i64::MAX);
    let retention = Retention { unused_since, max_bytes: u64::MAX, fresh_since: never };
    let mut count = 0;
    loop {
        let step = store.expire(&retention, at(0)).unwrap();
        count += step.jobs;
        if !step.more {
            break;
        }
    }
    let is_needed =
        |model: &Model, n| model.dependants(n).into_iter().any(|other| model.jobs[other].is_live());
    let unused = |job: &Modelled| !job.deleted && job.ended.is_some() && job.used_at < unused_since;
    let gone: Vec<usize> =
        (0..model.jobs.len()).filter(|n| unused(&model.jobs[*n]) && !is_needed(model, *n)).collect();
    for job in &gone {
        model.jobs[*job].deleted = true;
    }
    prop_assert_eq!(count, gone.len() as u64);
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
        prop_assert_eq!(job.attempt, expected.attempt);
        check_parts(store, job)?;
    }
    let mut files: Vec<u8> =
        model.jobs.iter().filter(|job| job.is_live()).filter_map(|job| job.file).collect();
    files.sort_unstable();
    files.dedup();
    prop_assert_eq!(store.usage().unwrap().files, files.len() as u64, "a file is there for live jobs only");
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
    store.release_expired(at(0), "worker", at(0)).unwrap();
    let mut claims = 0;
    while let Some(claimed) = store.claim("last", &Wanted::ANY, at(1_000_000)).unwrap() {
        let result = store.finish(&claimed.job.hold().unwrap(), b"{}", at(1_000_000)).unwrap();
        prop_assert!(result.is_some());
        claims += 1;
        prop_assert!(claims <= model.jobs.len());
    }
    prop_assert_eq!(store.usage().unwrap().files, 0, "no file is left over");
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
