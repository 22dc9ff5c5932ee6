//! Checks of the queue, its uploads and its results.

use malkin_report::{JobId, ResultId};

use super::catalogue::add;
use super::{Check, at, sample};
use crate::{Hold, Job, JobFilter, JobState, NewJob, Store, Timestamp, Usage, Wanted};

pub(super) const CHECKS: &[Check] = &[
    ("a job goes from the queue over a worker to its result", life),
    ("equal requests share a job until it is exhausted", deduplication),
    ("attempts run out one by one", attempts),
    ("priority, then age, decides who is next", order),
    ("dependants wait for jobs to end, however they end", dependencies),
    ("a lost lease costs an attempt", leases),
    ("cancelled jobs are out of the reach of their worker", termination),
    ("listings are filtered windows", listing),
    ("deletion takes results along", deletion),
    ("counters follow the jobs", stats),
    ("a respawn leaves neither jobs nor results", respawn),
    ("ids and numbers ascend", numbers),
];

/// No lease counts as live before this moment, so every running job does.
pub(super) const ALL_LIVE: Timestamp = Timestamp::from_millis(i64::MIN);

pub(super) fn new_job(method: &str, descriptor: &str) -> NewJob {
    NewJob {
        method: method.to_owned(),
        params: format!("{{\"0\": \"{descriptor}\"}}"),
        file_params: "{}".to_owned(),
        descriptor: descriptor.to_owned(),
        attempts: 3,
        ..NewJob::default()
    }
}

pub(super) fn enqueue(store: &dyn Store, job: &NewJob) -> JobId {
    store.enqueue(job, ALL_LIVE, at(0)).expect("a job can be queued")
}

pub(super) fn claim(store: &dyn Store, worker: &str) -> Option<Job> {
    let claimed = store.claim(worker, &Wanted::ANY, at(1)).expect("a worker can ask");
    claimed.map(|claimed| claimed.job)
}

/// The present attempt of a job, as `worker` names it, whoever has the job.
pub(super) fn hold(store: &dyn Store, id: JobId, worker: &str) -> Hold {
    Hold { id, worker: worker.to_owned(), attempt: job(store, id).attempt }
}

pub(super) fn job(store: &dyn Store, id: JobId) -> Job {
    store.job(id).expect("a job can be read").expect("the job is there")
}

pub(super) fn finish(store: &dyn Store, id: JobId, worker: &str) -> ResultId {
    let result = store.finish(&hold(store, id, worker), b"{}", at(3)).expect("a job can be finished");
    result.expect("the job is this worker's")
}

pub(super) fn fail(store: &dyn Store, id: JobId, worker: &str, fatal: bool) {
    store.fail(&hold(store, id, worker), "because", fatal, at(2)).expect("a failure can be noted");
}

fn life(store: &dyn Store) {
    assert_eq!(claim(store, "w"), None);
    let new = NewJob {
        priority: 2,
        file_params: "{\"0\": \"x\"}".to_owned(),
        author: "Ida \u{df}".to_owned(),
        ..new_job("match", "m \u{e9}")
    };
    let id = enqueue(store, &new);
    let queued = job(store, id);
    assert_eq!(queued.state(), JobState::Queued);
    let expected = Job {
        id,
        number: 0,
        method: new.method.clone(),
        params: new.params.clone(),
        file_params: new.file_params.clone(),
        descriptor: new.descriptor.clone(),
        author: new.author.clone(),
        created_at: at(0),
        started_at: None,
        finished_at: None,
        locked_at: None,
        locked_by: None,
        attempts_left: 3,
        last_error: None,
        progress: None,
        result: None,
        terminated: false,
        priority: 2,
        notify_done: false,
        attempt: 0,
        required_by: Vec::new(),
        all_dependencies: Vec::new(),
        unfinished_dependencies: Vec::new(),
    };
    assert_eq!(queued, expected);
    let claimed = claim(store, "w").expect("there is a job");
    let running = Job {
        started_at: Some(at(1)),
        locked_at: Some(at(1)),
        locked_by: Some("w".to_owned()),
        attempt: 1,
        ..expected.clone()
    };
    assert_eq!(claimed, running);
    assert_eq!(claimed.state(), JobState::InProgress);
    assert_eq!(claim(store, "v"), None, "a job has one worker");
    let beat = |worker: &str, progress, seconds| {
        store.heartbeat(&hold(store, id, worker), progress, at(seconds)).expect("a lease can be renewed")
    };
    assert!(beat("w", Some(0.25), 5));
    assert!(beat("w", None, 6));
    assert!(!beat("v", Some(0.5), 7));
    let renewed = Job { locked_at: Some(at(6)), progress: Some(0.25), ..running };
    assert_eq!(job(store, id), renewed);
    assert_eq!(store.finish(&hold(store, id, "v"), b"no", at(8)).expect("a stranger is told"), None);
    let bytes: Vec<u8> = [b"{\"a\": [".to_vec(), vec![b' '; 5000], b"1]}".to_vec()].concat();
    let result = store.finish(&hold(store, id, "w"), &bytes, at(9)).expect("a job can be finished");
    let result = result.expect("it is this worker's");
    let finished = Job {
        finished_at: Some(at(9)),
        progress: Some(1.0),
        result: Some(result),
        notify_done: true,
        ..renewed
    };
    assert_eq!(job(store, id), finished);
    assert_eq!(finished.state(), JobState::Finished);
    assert_eq!(store.result(result).expect("a result can be read"), Some(bytes));
    assert_eq!(store.job_of_result(result).expect("a job can be read"), Some(finished.clone()));
    assert!(!beat("w", None, 10));
    assert_eq!(store.finish(&hold(store, id, "w"), b"twice", at(11)).expect("a late worker is told"), None);
    fail(store, id, "w", true);
    assert_eq!(job(store, id), finished, "an ended job does not change");
    let unknown = ResultId::parse("00112233445566778899aabb").expect("this is an id");
    assert_eq!(store.result(unknown).expect("a result can be asked for"), None);
    assert_eq!(store.job_of_result(unknown).expect("a job can be asked for"), None);
    assert_eq!(store.job(JobId(unknown.0)).expect("a job can be asked for"), None);
}

fn deduplication(store: &dyn Store) {
    let request = new_job("match", "same");
    let first = enqueue(store, &request);
    assert_eq!(enqueue(store, &request), first, "waiting");
    let other = enqueue(store, &new_job("match", "other"));
    assert_ne!(other, first);
    let forced = enqueue(store, &NewJob { always_new: true, ..request.clone() });
    assert_ne!(forced, first);
    assert_eq!(enqueue(store, &request), forced, "the newest one");
    store.delete_job(forced).expect("a job can be deleted");
    assert_eq!(claim(store, "w").map(|job| job.id), Some(first));
    assert_eq!(enqueue(store, &request), first, "running");
    let dead = store.enqueue(&request, at(2), at(3)).expect("a job can be queued");
    assert_ne!(dead, first, "its lease ended");
    store.delete_job(dead).expect("a job can be deleted");
    finish(store, first, "w");
    assert_eq!(store.enqueue(&request, at(9), at(9)).expect("a job can be queued"), first, "finished");
    assert_eq!(claim(store, "w").map(|job| job.id), Some(other));
    fail(store, other, "w", false);
    assert_eq!(enqueue(store, &new_job("match", "other")), other, "released");
    assert_eq!(claim(store, "w").map(|job| job.id), Some(other));
    fail(store, other, "w", true);
    let anew = enqueue(store, &new_job("match", "other"));
    assert_ne!(anew, other, "failed");
    assert!(store.terminate(anew, at(4)).expect("a job can be cancelled"));
    assert_ne!(enqueue(store, &new_job("match", "other")), anew, "cancelled");
}

fn attempts(store: &dyn Store) {
    let id = enqueue(store, &new_job("m", "a"));
    for left in [2, 1, 0] {
        assert!(claim(store, "w").is_some_and(|job| job.id == id));
        fail(store, id, "stranger", false);
        fail(store, id, "w", false);
        let job = job(store, id);
        assert_eq!((job.attempts_left, job.last_error.as_deref()), (left, Some("because")));
        assert_eq!((job.locked_by, job.locked_at, job.finished_at), (None, None, None));
        assert!(job.started_at.is_some());
        assert_eq!(job.notify_done, left == 0);
    }
    assert_eq!(job(store, id).state(), JobState::Failed);
    assert_eq!(claim(store, "w"), None);
    let fatal = enqueue(store, &new_job("m", "b"));
    assert!(claim(store, "w").is_some());
    fail(store, fatal, "w", true);
    assert_eq!(job(store, fatal).attempts_left, 0);
    let none = enqueue(store, &NewJob { attempts: 0, ..new_job("m", "c") });
    assert_eq!(job(store, none).state(), JobState::Queued, "a job is tried at least once");
}

fn order(store: &dyn Store) {
    let add = |name: &str, priority| enqueue(store, &NewJob { priority, ..new_job("m", name) });
    let ids = [add("a", 0), add("b", 5), add("c", 0), add("d", 5), add("e", -1)];
    let claimed: Vec<_> = std::iter::from_fn(|| claim(store, "w").map(|job| job.id)).collect();
    assert_eq!(claimed, [ids[1], ids[3], ids[0], ids[2], ids[4]]);
    fail(store, ids[2], "w", false);
    fail(store, ids[1], "w", false);
    assert_eq!(claim(store, "w").map(|job| job.id), Some(ids[1]), "a released job keeps its place");
}

fn dependencies(store: &dyn Store) {
    let parts: Vec<JobId> = ["a", "b", "c", "d"].map(|name| enqueue(store, &new_job("part", name))).into();
    let ended = enqueue(store, &NewJob { priority: 9, ..new_job("part", "ended") });
    assert_eq!(claim(store, "w").map(|job| job.id), Some(ended));
    finish(store, ended, "w");
    let unknown = JobId::parse("00112233445566778899aabb").expect("this is an id");
    let all = [parts.clone(), vec![ended, unknown]].concat();
    let whole = enqueue(store, &NewJob { dependencies: all.clone(), priority: 7, ..new_job("whole", "w") });
    let sorted = |mut ids: Vec<JobId>| {
        ids.sort_unstable();
        ids
    };
    let waiting = |expected: &[JobId]| {
        let job = job(store, whole);
        assert_eq!(sorted(job.all_dependencies), sorted(all.clone()));
        assert_eq!(sorted(job.unfinished_dependencies), sorted(expected.to_vec()));
    };
    waiting(&parts);
    assert_eq!(job(store, parts[0]).required_by, [whole]);
    assert_eq!(job(store, ended).required_by, [whole]);
    assert_eq!(claim(store, "w").map(|job| job.id), Some(parts[0]), "the whole waits despite its priority");
    finish(store, parts[0], "w");
    waiting(&parts[1..]);
    assert_eq!(claim(store, "w").map(|job| job.id), Some(parts[1]));
    fail(store, parts[1], "w", false);
    waiting(&parts[1..]);
    assert_eq!(claim(store, "w").map(|job| job.id), Some(parts[1]));
    fail(store, parts[1], "w", true);
    waiting(&parts[2..]);
    assert!(store.terminate(parts[2], at(5)).expect("a job can be cancelled"));
    waiting(&parts[3..]);
    assert!(store.delete_job(parts[3]).expect("a job can be deleted"));
    waiting(&[]);
    assert_eq!(job(store, parts[0]).required_by, [whole], "the relation outlives the wait");
    assert_eq!(claim(store, "w").map(|job| job.id), Some(whole));
}

fn leases(store: &dyn Store) {
    let [a, b, c] = ["a", "b", "c"].map(|name| enqueue(store, &new_job("m", name)));
    for (id, worker) in [(a, "run1-x"), (b, "run2-y"), (c, "run1-z")] {
        assert_eq!(claim(store, worker).map(|job| job.id), Some(id));
    }
    let first = hold(store, a, "run1-x");
    assert_eq!(job(store, a).hold(), Some(first.clone()));
    let release = |since, dead| store.release_expired(since, dead, at(60)).expect("leases can be checked");
    assert_eq!(
        release(at(1), ""),
        0,
        "a lease renewed at that moment is live, and an empty prefix names nobody"
    );
    assert!(store.heartbeat(&hold(store, b, "run2-y"), None, at(50)).expect("a lease can be renewed"));
    assert_eq!(release(at(40), ""), 2);
    let lost = job(store, a);
    assert_eq!((lost.state(), lost.attempts_left, lost.locked_by.as_ref()), (JobState::Queued, 2, None));
    assert_eq!(lost.hold(), None);
    assert!(lost.last_error.is_some_and(|error| error.contains("run1-x")));
    assert!(!store.heartbeat(&first, None, at(61)).expect("a lost lease is told"));
    assert_eq!(store.finish(&first, b"late", at(61)).expect("a lost lease is told"), None);
    for worker in ["run1-x", "run3-x"] {
        assert!(claim(store, worker).is_some());
    }
    // The same worker has the same job again: what it does in the name of the first attempt is without effect.
    let second = hold(store, a, "run1-x");
    assert_eq!((second.attempt, job(store, a).hold()), (first.attempt + 1, Some(second)));
    assert!(!store.heartbeat(&first, None, at(62)).expect("a lost lease is told"));
    assert_eq!(store.finish(&first, b"late", at(62)).expect("a lost lease is told"), None);
    store.fail(&first, "late", true, at(62)).expect("a lost lease is told");
    assert!(!store.release(&first).expect("a lost lease is told"));
    assert_eq!(job(store, a).state(), JobState::InProgress);
    assert_eq!(release(ALL_LIVE, "run1-"), 1, "by name, whatever the lease");
    assert_eq!(release(ALL_LIVE, "un"), 0, "a prefix, not a part");
    assert_eq!(release(ALL_LIVE, "run"), 2);
    assert_eq!(claim(store, "stops").map(|job| (job.id, job.attempts_left)), Some((a, 1)));
    assert!(!store.release(&hold(store, a, "other")).expect("a job can be handed back"));
    assert!(store.release(&hold(store, a, "stops")).expect("a job can be handed back"));
    assert!(!store.release(&hold(store, a, "stops")).expect("a job can be handed back"));
    let back = job(store, a);
    assert_eq!((back.state(), back.attempts_left, back.locked_by), (JobState::Queued, 1, None));
    while let Some(taken) = claim(store, "dies") {
        assert_eq!(release(ALL_LIVE, "dies"), 1);
        let before = taken.attempts_left;
        assert_eq!(job(store, taken.id).attempts_left, before - 1);
    }
    for id in [a, b, c] {
        let job = job(store, id);
        assert_eq!((job.state(), job.notify_done), (JobState::Failed, true));
    }
}

fn termination(store: &dyn Store) {
    let [waiting, running, done] = ["a", "b", "c"].map(|name| enqueue(store, &new_job("m", name)));
    let terminate = |id| store.terminate(id, at(5)).expect("a job can be cancelled");
    assert!(terminate(waiting));
    assert!(!terminate(waiting));
    assert_eq!(claim(store, "w").map(|job| job.id), Some(running));
    assert!(terminate(running));
    assert!(!store.heartbeat(&hold(store, running, "w"), None, at(6)).expect("a lost job is told"));
    assert_eq!(store.finish(&hold(store, running, "w"), b"late", at(6)).expect("a lost job is told"), None);
    fail(store, running, "w", false);
    assert_eq!(job(store, running).attempts_left, 3);
    for id in [waiting, running] {
        let job = job(store, id);
        assert_eq!((job.state(), job.terminated, job.notify_done), (JobState::Terminated, true, true));
    }
    assert_eq!(claim(store, "w").map(|job| job.id), Some(done));
    finish(store, done, "w");
    assert!(!terminate(done));
    assert!(!terminate(JobId::parse("00112233445566778899aabb").expect("this is an id")));
}

fn listing(store: &dyn Store) {
    let mut ids = Vec::new();
    for (n, method) in ["a", "b", "a", "a", "b"].into_iter().enumerate() {
        let job = new_job(method, &n.to_string());
        ids.push(store.enqueue(&job, ALL_LIVE, at(n as i64 * 10)).expect("a job can be queued"));
    }
    for seconds in [100, 200] {
        let claimed = store.claim("w", &Wanted::ANY, at(seconds)).expect("a worker can ask");
        let hold = claimed.and_then(|claimed| claimed.job.hold()).expect("there is a job");
        store.finish(&hold, b"{}", at(seconds + 50)).expect("a job can be finished");
    }
    assert!(claim(store, "w").is_some());
    let list = |filter: &JobFilter, start, limit, ascending| -> Vec<usize> {
        let jobs = store.jobs(filter, start, limit, ascending).expect("jobs can be listed");
        jobs.iter().map(|job| ids.iter().position(|id| *id == job.id).expect("it is one of ours")).collect()
    };
    let all = JobFilter::default();
    assert_eq!(list(&all, 0, 0, false), [4, 3, 2, 1, 0]);
    assert_eq!(list(&all, 0, 0, true), [0, 1, 2, 3, 4]);
    assert_eq!(list(&all, 1, 2, false), [3, 2]);
    assert_eq!(list(&all, 5, 0, false), [0; 0]);
    assert_eq!(list(&all, u64::MAX, u64::MAX, true), [0; 0]);
    let method = JobFilter { method: Some("a".to_owned()), ..all.clone() };
    assert_eq!(list(&method, 0, 0, false), [3, 2, 0]);
    assert_eq!(list(&method, 1, 1, true), [2]);
    let state = |state| list(&JobFilter { state: Some(state), ..JobFilter::default() }, 0, 0, true);
    assert_eq!(state(JobState::Finished), [0, 1]);
    assert_eq!(state(JobState::InProgress), [2]);
    assert_eq!(state(JobState::Queued), [3, 4]);
    assert_eq!(state(JobState::Failed), [0; 0]);
    let created = JobFilter { created_before: Some(at(20)), ..all.clone() };
    assert_eq!(list(&created, 0, 0, true), [0, 1], "strictly before");
    let finished = JobFilter { finished_before: Some(at(200)), ..all.clone() };
    assert_eq!(list(&finished, 0, 0, true), [0], "unfinished jobs are not finished before");
    let both = JobFilter { method: Some("b".to_owned()), finished_before: Some(at(999)), ..created };
    assert_eq!(list(&both, 0, 0, true), [1]);
}

fn deletion(store: &dyn Store) {
    let ids = ["a", "b", "c"].map(|name| enqueue(store, &new_job(name, name)));
    let results = ids.map(|id| {
        assert_eq!(claim(store, "w").map(|job| job.id), Some(id));
        finish(store, id, "w")
    });
    assert!(store.delete_job(ids[0]).expect("a job can be deleted"));
    assert!(!store.delete_job(ids[0]).expect("a deleted job is told"));
    let result = |n: usize| store.result(results[n]).expect("a result can be asked for");
    assert_eq!(result(0), None);
    let filter = |method: &str| JobFilter { method: Some(method.to_owned()), ..JobFilter::default() };
    assert_eq!(store.delete_jobs(&filter("b")).expect("jobs can be deleted"), 1);
    assert_eq!(store.delete_jobs(&filter("b")).expect("jobs can be deleted"), 0);
    assert_eq!((result(1), result(2)), (None, Some(b"{}".to_vec())));
    assert_ne!(enqueue(store, &new_job("a", "a")), ids[0], "a deleted job is not reused");
    assert_eq!(store.delete_jobs(&JobFilter::default()).expect("jobs can be deleted"), 2);
    assert_eq!(result(2), None);
    assert_eq!(store.jobs(&JobFilter::default(), 0, 0, true).expect("jobs can be listed"), []);
}

fn stats(store: &dyn Store) {
    let read = |method: &str, refresh: bool| -> Vec<(JobState, u64)> {
        let stats = store.job_stats(refresh).expect("counters can be read");
        stats
            .get(method)
            .map(|states| states.iter().map(|(state, n)| (*state, *n)).collect())
            .unwrap_or_default()
    };
    assert_eq!(read("m", false), []);
    let first = enqueue(store, &new_job("m", "a"));
    enqueue(store, &new_job("m", "a"));
    let failing = enqueue(store, &new_job("m", "b"));
    assert_eq!(read("m", false), [(JobState::Queued, 2)], "a shared job counts once");
    assert!(claim(store, "w").is_some());
    assert_eq!(read("m", false), [(JobState::Queued, 1), (JobState::InProgress, 1)]);
    finish(store, first, "w");
    assert!(claim(store, "w").is_some());
    fail(store, failing, "w", false);
    assert_eq!(read("m", false), [(JobState::Queued, 1), (JobState::InProgress, 0), (JobState::Finished, 1)]);
    assert!(claim(store, "w").is_some());
    fail(store, failing, "w", true);
    let ended =
        [(JobState::Queued, 0), (JobState::InProgress, 0), (JobState::Finished, 1), (JobState::Failed, 1)];
    assert_eq!(read("m", false), ended);
    assert_eq!(read("m", true), [&ended[..], &[(JobState::Terminated, 0)]].concat());
    assert_eq!(read("m", false).len(), 5, "what a refresh touched stays");
    let cancelled = enqueue(store, &new_job("n", "c"));
    assert!(store.terminate(cancelled, at(5)).expect("a job can be cancelled"));
    assert_eq!(read("n", false), [(JobState::Queued, 0), (JobState::Terminated, 1)]);
    assert!(store.delete_job(first).expect("a job can be deleted"));
    assert_eq!(read("m", false)[2], (JobState::Finished, 0));
}

fn respawn(store: &dyn Store) {
    add(store, &sample(1, 2));
    let id = enqueue(store, &new_job("m", "a"));
    assert!(claim(store, "w").is_some());
    let result = finish(store, id, "w");
    enqueue(store, &NewJob { dependencies: vec![id], ..new_job("m", "b") });
    store.respawn().expect("a store can be emptied");
    assert_eq!(store.job(id).expect("a job can be asked for"), None);
    assert!(store.result(result).expect("a result can be asked for").is_some(), "for a while, as with MCRIT");
    assert_eq!(store.sweep_results(at(0)).expect("results can be swept"), 0, "it is not old enough");
    assert_eq!(store.sweep_results(at(1_000_000)).expect("results can be swept"), 1);
    assert_eq!(store.result(result).expect("a result can be asked for"), None);
    assert_eq!(store.job_of_result(result).expect("a job can be asked for"), None);
    assert_eq!(store.usage().expect("usage can be read"), Usage::default());
    let stats = store.job_stats(false).expect("counters can be read");
    assert_eq!(stats["m"][&JobState::Finished], 1);
    assert_eq!(stats["m"][&JobState::Queued], 0, "nothing waits any more");
    let anew = enqueue(store, &new_job("m", "a"));
    assert_ne!(anew, id);
    assert_eq!(job(store, anew).number, 0);
}

fn numbers(store: &dyn Store) {
    let mut previous = None;
    for n in 0..50 {
        let new = NewJob { always_new: true, ..new_job("m", "same") };
        let id = store.enqueue(&new, ALL_LIVE, at(n / 10)).expect("a job can be queued");
        assert!(previous < Some(id), "ids ascend");
        previous = Some(id);
        assert_eq!(job(store, id).number, n as u64);
    }
    let last = previous.expect("there were jobs");
    store.delete_job(last).expect("a job can be deleted");
    let next = enqueue(store, &new_job("m", "other"));
    assert_eq!(job(store, next).number, 50, "numbers are not used again");
    assert_eq!(&last.to_string()[..8], "695735a9", "the first four bytes are the seconds of the clock");
}
