//! Checks of what the queue shares out and gives back: turns of clients, files, and results that expire.

use malkin_report::{JobId, SampleId, UploadId};

use super::jobs::{ALL_LIVE, claim, enqueue, fail, finish, hold, job, new_job};
use super::{Check, at, sample};
use crate::{Added, Ceiling, JobState, Lane, NewJob, Retention, Store, StoreError, Upload, Wanted};

pub(super) const CHECKS: &[Check] = &[
    ("clients take turns, and each has its jobs in order", turns),
    ("short jobs do not wait for long ones", lanes),
    ("a job that two clients asked for runs at the first turn", shared),
    ("delayed jobs and left out clients wait", left_out),
    ("a client has a ceiling, and others do not notice", ceiling),
    ("files go with their job", files),
    ("a file goes with the last of its jobs", shared_files),
    ("kept files go with their sample", kept),
    ("query samples go with their job", query_samples),
    ("jobs expire by age, the least used first", age),
    ("jobs expire by size, but not those that are needed", size),
    ("a respawn leaves no file", respawn),
];

fn of_client(client: &str, name: &str, lane: Lane) -> NewJob {
    NewJob { client: client.to_owned(), lane, ..new_job("m", name) }
}

fn claims(store: &dyn Store, wanted: &Wanted<'_>) -> Vec<JobId> {
    let claim = || store.claim("w", wanted, at(1)).expect("a worker can ask");
    std::iter::from_fn(|| claim().map(|claimed| claimed.job.id)).collect()
}

fn turns(store: &dyn Store) {
    let add = |client: &str, name: &str| enqueue(store, &of_client(client, name, Lane::Short));
    let a: Vec<JobId> = (0..5).map(|n| add("a", &format!("a{n}"))).collect();
    let b = [add("b", "b0"), add("b", "b1")];
    let urgent = enqueue(store, &NewJob { priority: 1, ..of_client("b", "b2", Lane::Short) });
    assert_eq!(claim(store, "w").map(|job| job.id), Some(a[0]));
    let c = add("c", "c0");
    assert_eq!(claims(store, &Wanted::ANY), [urgent, a[1], c, b[0], a[2], b[1], a[3], a[4]]);
    // A client that comes back takes a place at the end of the round.
    let again = [add("b", "b3"), add("a", "a5"), add("b", "b4")];
    assert_eq!(claims(store, &Wanted::ANY), again);
    fail(store, a[0], "w", false);
    assert_eq!(claims(store, &Wanted::ANY), [a[0]], "a released job is ready again");
}

fn lanes(store: &dyn Store) {
    let long = [0, 1].map(|n| enqueue(store, &of_client("a", &format!("long {n}"), Lane::Long)));
    let short = enqueue(store, &of_client("a", "short", Lane::Short));
    let wanted = Wanted { lane: Lane::Short, ..Wanted::ANY };
    assert_eq!(claims(store, &wanted), [short]);
    assert_eq!(claims(store, &wanted), []);
    assert_eq!(claims(store, &Wanted::ANY), long);
}

fn shared(store: &dyn Store) {
    let all: Vec<JobId> =
        (0..20).map(|n| enqueue(store, &of_client("a", &n.to_string(), Lane::Short))).collect();
    assert_eq!(claim(store, "w").map(|job| job.id), Some(all[0]));
    assert_eq!(
        enqueue(store, &of_client("b", "15", Lane::Short)),
        all[15],
        "an equal request shares the job"
    );
    assert_eq!(enqueue(store, &of_client("a", "15", Lane::Short)), all[15]);
    let order = claims(store, &Wanted::ANY);
    assert_eq!(order[..3], [all[1], all[15], all[2]], "it is nearer for the second client");
    assert_eq!(order.len(), 19, "and runs once");
}

fn left_out(store: &dyn Store) {
    let add = |client: &str, name: &str| enqueue(store, &of_client(client, name, Lane::Short));
    let [first, later, other] = [add("a", "1"), add("a", "2"), add("b", "3")];
    let delayed = Wanted { delayed: &[first], ..Wanted::ANY };
    assert_eq!(claims(store, &delayed), [other], "later jobs of the client wait too");
    let clients = ["a".to_owned()];
    assert_eq!(claims(store, &Wanted { except_clients: &clients, ..Wanted::ANY }), []);
    assert_eq!(claims(store, &Wanted::ANY), [first, later], "they keep their places");
}

fn ceiling(store: &dyn Store) {
    let limited = |client: &str, name: &str| NewJob {
        ceiling: Some(Ceiling { jobs: 2, file_bytes: 10 }),
        ..of_client(client, name, Lane::Short)
    };
    let try_add = |job: &NewJob| store.enqueue(job, ALL_LIVE, at(0));
    let first = enqueue(store, &limited("a", "1"));
    enqueue(store, &limited("a", "2"));
    let refused = try_add(&limited("a", "3"));
    assert!(
        matches!(&refused, Err(StoreError::QueueFull { client, jobs: 2, .. }) if client == "a"),
        "{refused:?}"
    );
    assert_eq!(enqueue(store, &limited("a", "1")), first, "nothing new is asked for");
    let others = enqueue(store, &limited("b", "3"));
    assert_eq!(enqueue(store, &limited("a", "3")), others, "nor here");
    assert!(claim(store, "w").is_some_and(|job| job.id == first));
    assert!(try_add(&limited("a", "4")).is_err(), "running jobs count");
    finish(store, first, "w");
    enqueue(store, &limited("a", "4"));
    let with_file = |name: &str, file: &[u8]| {
        store.enqueue_file(file, &|_: &Upload| limited("c", name), ALL_LIVE, at(0)).map(|_| ())
    };
    with_file("5", &[0; 11]).expect("one file is always allowed");
    assert!(matches!(with_file("6", b"x"), Err(StoreError::QueueFull { file_bytes: 11, .. })));
    assert_eq!(store.usage().expect("usage can be read").files, 1, "a refused file is not stored");
}

/// Queues a job on a file; the job and the file.
fn enqueue_file(store: &dyn Store, file: &[u8], name: &str, always_new: bool) -> (JobId, UploadId) {
    let make = |upload: &Upload| NewJob {
        file_params: format!("{{\"0\": \"{}\"}}", upload.id),
        always_new,
        ..new_job("query", name)
    };
    let id = store.enqueue_file(file, &make, ALL_LIVE, at(0)).expect("a job can be queued");
    let params = job(store, id).file_params;
    (id, UploadId::parse(params.get(7..31).unwrap_or_default()).expect("the job names its file"))
}

fn is_stored(store: &dyn Store, file: UploadId) -> bool {
    store.upload(file).expect("a file can be asked for").is_some()
}

fn files(store: &dyn Store) {
    let long: Vec<u8> = (0..100_000_u32).flat_map(|n| (n % 1000).to_le_bytes()).collect();
    let (id, file) = enqueue_file(store, &long, "a", false);
    assert_eq!(store.upload(file).expect("a file can be read"), Some(long.clone()));
    assert_eq!(enqueue_file(store, &long, "a", false), (id, file), "an equal request shares job and file");
    let usage = store.usage().expect("usage can be read");
    assert_eq!((usage.files, usage.file_bytes), (1, 400_000));
    assert!(claim(store, "w").is_some());
    fail(store, id, "w", false);
    assert!(is_stored(store, file), "there are attempts left");
    assert!(claim(store, "w").is_some());
    finish(store, id, "w");
    assert!(!is_stored(store, file), "finished");
    assert!(
        store.has_upload(file).expect("a file can be asked for"),
        "its id is still known as that of a file"
    );
    assert_eq!(enqueue_file(store, &long, "a", false).0, id, "the result is used again");
    assert_eq!(store.usage().expect("usage can be read").files, 0, "and the file is not stored for that");
    let (failing, file) = enqueue_file(store, b"", "b", false);
    assert_eq!(store.upload(file).expect("a file can be read"), Some(Vec::new()));
    assert!(claim(store, "w").is_some());
    fail(store, failing, "w", true);
    assert!(!is_stored(store, file), "failed");
    let (cancelled, file) = enqueue_file(store, b"c", "c", false);
    assert!(store.terminate(cancelled, at(5)).expect("a job can be cancelled"));
    assert!(!is_stored(store, file), "cancelled");
    let (deleted, file) = enqueue_file(store, b"d", "d", false);
    assert!(store.delete_job(deleted).expect("a job can be deleted"));
    assert!(!is_stored(store, file), "deleted");
    assert!(!store.has_upload(file).expect("a file can be asked for"));
    let (lost, file) = enqueue_file(store, b"e", "e", false);
    while claim(store, "dies").is_some() {
        assert_eq!(store.release_expired(ALL_LIVE, "dies", at(9)).expect("leases can be checked"), 1);
    }
    assert_eq!((job(store, lost).state(), is_stored(store, file)), (JobState::Failed, false), "given up");
    let unknown = UploadId::parse("00112233445566778899aabb").expect("this is an id");
    assert_eq!(store.upload(unknown).expect("a file can be asked for"), None);
    assert!(!store.has_upload(unknown).expect("a file can be asked for"));
    assert_eq!(store.sweep_uploads().expect("files can be swept"), 0, "nothing is left over");
}

fn shared_files(store: &dyn Store) {
    let (first, file) = enqueue_file(store, b"one", "a", true);
    let (second, same) = enqueue_file(store, b"one", "a", true);
    assert!(first != second && file == same);
    assert_eq!(store.sweep_uploads().expect("files can be swept"), 0);
    assert!(store.terminate(first, at(1)).expect("a job can be cancelled"));
    assert!(is_stored(store, file), "the second job waits");
    assert!(claim(store, "w").is_some());
    finish(store, second, "w");
    assert!(!is_stored(store, file));
}

fn stored_with_hash(store: &dyn Store, seed: u64, sha256: &str) -> SampleId {
    let new = crate::NewSample { sha256: sha256.to_owned(), ..sample(seed, 2) };
    match store.add_sample(&new, &[], "", at(0)).expect("a sample can be added") {
        Added::New { sample, .. } | Added::Known(sample) => sample.sample_id,
    }
}

fn kept(store: &dyn Store) {
    let file = store.keep_file(b"one", at(0)).expect("a file can be kept");
    assert_eq!(store.keep_file(b"one", at(5)).expect("a file can be kept"), file);
    assert_eq!(store.kept_files().expect("files can be listed"), [], "it has no sample");
    let sample = stored_with_hash(store, 1, &file.sha256.to_string());
    let kept: Vec<_> = store.kept_files().expect("files can be listed");
    assert_eq!((kept.len(), &kept[0].upload, kept[0].sample), (1, &file, sample));
    // A query of the same file ends, and its file stays; a query of a stored sample does not make its file a kept one.
    let (id, same) = enqueue_file(store, b"one", "q", true);
    assert_eq!(same, file.id);
    store.delete_job(id).expect("a job can be deleted");
    assert!(is_stored(store, file.id));
    let (id, queried) = enqueue_file(store, b"two", "q", true);
    let two = sha256_of(b"two");
    let other = stored_with_hash(store, 2, &two);
    assert_eq!(store.kept_files().expect("files can be listed").len(), 1);
    assert!(claim(store, "w").is_some());
    store.keep_upload(queried).expect("a file can be kept");
    finish(store, id, "w");
    assert_eq!(store.kept_files().expect("files can be listed").len(), 2, "kept by its job");
    assert_eq!(store.sweep_uploads().expect("files can be swept"), 0);
    assert!(store.delete_sample(other, at(9)).expect("a sample can be deleted"));
    assert!(!is_stored(store, queried));
    store.keep_file(b"three", at(0)).expect("a file can be kept");
    assert_eq!(store.sweep_uploads().expect("files can be swept"), 1, "one without a sample is left over");
    assert!(is_stored(store, file.id));
    let family = store.sample(sample).expect("a sample can be read").expect("it is there").family_id;
    store.delete_family(family, false, at(9)).expect("a family can be deleted");
    assert!(!is_stored(store, file.id));
}

fn sha256_of(bytes: &[u8]) -> String {
    use sha2::Digest;
    malkin_report::Sha256::new(sha2::Sha256::digest(bytes).into()).to_string()
}

fn query_samples(store: &dyn Store) {
    let id = enqueue(store, &new_job("query", "a"));
    assert!(claim(store, "w").is_some());
    let add = || store.add_query_sample(&sample(1, 30), at(0)).expect("a query can be kept").0.sample_id;
    let is_there = |id| store.sample(id).expect("a sample can be asked for").is_some();
    let own = |hold: &_, sample| store.own_query_sample(hold, sample).expect("a sample can be owned");
    let (first, second, stranger) = (add(), add(), add());
    let held = hold(store, id, "w");
    assert!(own(&held, first));
    assert!(own(&held, second), "another attempt");
    assert!(!is_there(first) && is_there(second));
    assert!(!own(&hold(store, id, "v"), stranger));
    finish(store, id, "w");
    assert!(store.usage().expect("usage can be read").result_bytes > 1000, "the sample counts");
    assert_eq!(store.delete_query_samples(at(9)).expect("queries can be deleted"), 1, "the stranger");
    assert!(is_there(second) && !is_there(stranger));
    store.delete_job(id).expect("a job can be deleted");
    assert!(!is_there(second));
}

fn keep_since(seconds: i64) -> Retention {
    Retention { unused_since: at(seconds), max_bytes: u64::MAX, fresh_since: at(10_000_000) }
}

/// Queues a job and finishes it at a moment, with a result of incompressible bytes.
fn finished(store: &dyn Store, name: &str, seconds: i64, bytes: usize) -> JobId {
    let id = enqueue(store, &new_job("m", name));
    assert!(claim(store, "w").is_some());
    let mut state = seconds as u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let result: Vec<u8> = (0..bytes).map(|_| byte()).collect();
    let result = store.finish(&hold(store, id, "w"), &result, at(seconds)).expect("a job can be finished");
    assert!(result.is_some());
    id
}

fn expire(store: &dyn Store, retention: &Retention) -> u64 {
    let mut deleted = 0;
    loop {
        let step = store.expire(retention, at(2_000_000)).expect("jobs can expire");
        deleted += step.jobs;
        if !step.more {
            return deleted;
        }
    }
}

fn is_known(store: &dyn Store, id: JobId) -> bool {
    store.job(id).expect("a job can be asked for").is_some()
}

fn age(store: &dyn Store) {
    let jobs: Vec<JobId> = (0..100).map(|n| finished(store, &n.to_string(), 100 * (n + 1), 10)).collect();
    let waiting = enqueue(store, &new_job("m", "waiting"));
    assert_eq!(expire(store, &keep_since(100)), 0, "used at that moment");
    assert_eq!(expire(store, &keep_since(501)), 5);
    assert_eq!(jobs.iter().map(|id| is_known(store, *id)).take_while(|known| !known).count(), 5);
    // A request that is answered with the job is a use, and so is a look at the result.
    assert_eq!(
        store.enqueue(&new_job("m", "5"), ALL_LIVE, at(900_000)).expect("a job can be queued"),
        jobs[5]
    );
    let result = job(store, jobs[6]).result.expect("the job is finished");
    assert!(store.result(result).expect("a result can be read").is_some());
    assert_eq!(expire(store, &keep_since(9_901)), 92, "in as many steps as it takes");
    let left: Vec<usize> = (0..100).filter(|n| is_known(store, jobs[*n])).collect();
    assert_eq!(left, [5, 6, 99]);
    assert_eq!(
        store
            .result(job(store, jobs[6]).result.expect("it is there"))
            .expect("a result can be read")
            .map(|bytes| bytes.len()),
        Some(10)
    );
    let fresh = Retention { fresh_since: at(9_000), ..keep_since(1_000_000) };
    assert_eq!(expire(store, &fresh), 0, "whoever waited for them is about to fetch them");
    assert_eq!(expire(store, &keep_since(3_000_000)), 3);
    assert!(is_known(store, waiting));
}

fn size(store: &dyn Store) {
    let parts = [0, 1, 2, 3].map(|n| finished(store, &n.to_string(), 100 + n, 10_000));
    let whole = enqueue(store, &NewJob { dependencies: vec![parts[0]], ..new_job("whole", "w") });
    let at_most = |max_bytes| Retention { unused_since: at(0), max_bytes, fresh_since: at(1_000_000) };
    assert_eq!(store.usage().expect("usage can be read").result_bytes, 40_000);
    assert_eq!(expire(store, &at_most(40_000)), 0);
    assert_eq!(expire(store, &at_most(25_000)), 2);
    assert_eq!(parts.map(|id| is_known(store, id)), [true, false, false, true], "one job needs the first");
    assert_eq!(expire(store, &at_most(0)), 1);
    assert!(is_known(store, parts[0]) && is_known(store, whole));
    assert!(claim(store, "w").is_some());
    assert_eq!(expire(store, &at_most(0)), 0, "while it runs as well");
    finish(store, whole, "w");
    assert_eq!(expire(store, &at_most(0)), 2);
    assert_eq!(store.usage().expect("usage can be read").result_bytes, 0);
}

fn respawn(store: &dyn Store) {
    let (_, waiting) = enqueue_file(store, b"one", "a", true);
    let kept = store.keep_file(b"two", at(0)).expect("a file can be kept");
    stored_with_hash(store, 1, &kept.sha256.to_string());
    store.respawn().expect("a store can be emptied");
    assert!(!is_stored(store, waiting) && !is_stored(store, kept.id));
    assert_eq!(store.kept_files().expect("files can be listed"), []);
    assert_eq!(claim(store, "w"), None);
    let next = enqueue(store, &of_client("a", "b", Lane::Long));
    assert_eq!(claim(store, "w").map(|job| job.id), Some(next), "and the queue goes on");
}
