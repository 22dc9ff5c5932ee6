//! What needs a look inside: plans of all statements, failing writes, one snapshot a call.

use std::path::Path;

use malkin_report::SampleId;

use super::*;
use crate::conformance::{at, labels, sample};
use crate::{Catalogue, FunctionQuery, Jobs, Page, StoreError};

/// Statements that may walk over a whole table: what they answer is about all of it, or the table is small.
const WALKS: [&str; 27] = [
    "analysis/count",
    "analysis/page",
    "analysis/page_by_moment",
    "counter/changed",
    "counter/restart",
    "family/count",
    "family/page",
    "function/pichashes",
    "job/kept_bytes",
    "job/select",
    "kept_file/all",
    "name/find_by_walk",
    "respawn",
    "sample/counts",
    "sample/minhash_versions",
    "stat/all",
    "stat/forget_unended",
    "stat/recount",
    "queue/turns",
    "sample/function_ranges",
    "sample/page",
    "sample/all",
    "sample/indexed",
    "token/all",
    "token/delete_all",
    "upload/leftovers",
    "upload/usage",
];

#[test]
fn every_statement_is_valid_and_finds_its_rows_by_an_index() {
    let store = SqliteStore::open_in_memory().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/sqlite");
    let folders =
        std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files: Vec<_> =
        folders.flat_map(|f| std::fs::read_dir(f).unwrap().map(|entry| entry.unwrap().path())).collect();
    assert!(files.len() > 50);
    for file in files {
        let name = file.strip_prefix(&root).unwrap().with_extension("").to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&file).unwrap();
        let writer = store.database.writer();
        let mut plan =
            writer.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap_or_else(|e| panic!("{name}: {e}"));
        let parameters = vec![rusqlite::types::Null; plan.parameter_count()];
        let rows =
            plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).unwrap();
        let steps: Vec<String> = rows.map(Result::unwrap).collect();
        let walks = steps.iter().any(|step| is_walk(step, &steps));
        assert!(!walks || WALKS.contains(&&*name), "{name} walks over a table: {steps:#?}");
    }
}

/// Virtual tables are asked through their own index, or are the values of a list; what a part of the statement answered is
/// no table.
fn is_walk(step: &str, steps: &[String]) -> bool {
    let Some(table) = step.strip_prefix("SCAN ") else { return false };
    let is_virtual =
        table == "CONSTANT ROW" || step.contains("VIRTUAL TABLE INDEX") || table.starts_with('(');
    !is_virtual && !steps.iter().any(|other| other.strip_prefix("CO-ROUTINE ") == Some(table))
}

fn add(store: &SqliteStore, seed: u64) -> Result<(), StoreError> {
    let new = sample(seed, 40);
    store.add_sample(&new, &labels(&new), "somebody", at(0)).map(|_| ())
}

#[test]
fn a_write_that_fails_leaves_nothing_behind() {
    let store = SqliteStore::open_in_memory().unwrap();
    add(&store, 1).unwrap();
    let limit = |pages: i64| store.database.writer().pragma_update(None, "max_page_count", pages).unwrap();
    let pages: i64 =
        store.database.writer().pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    for room in (0..400).step_by(5) {
        limit(pages + room);
        let before = (store.counts().unwrap(), store.families(Page::default()).unwrap());
        match add(&store, 2) {
            Err(StoreError::NotWritable(_)) => {}
            Ok(()) => {
                assert!(room > 5, "a sample needs more than {room} pages");
                return;
            }
            Err(other) => panic!("{other:?}"),
        }
        assert_eq!((store.counts().unwrap(), store.families(Page::default()).unwrap()), before);
        store.verify().unwrap();
    }
    panic!("a sample never fits");
}

#[test]
fn a_store_that_must_not_be_written_says_so() {
    let store = SqliteStore::open_in_memory().unwrap();
    add(&store, 1).unwrap();
    store.database.writer().pragma_update(None, "query_only", true).unwrap();
    assert!(matches!(add(&store, 2), Err(StoreError::NotWritable(_))));
    assert_eq!(store.samples(Page::default()).unwrap().len(), 1);
}

#[test]
fn a_walk_sees_one_moment_while_others_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "").unwrap();
    for seed in 0..3 {
        add(&store, seed).unwrap();
    }
    let mut seen = Vec::new();
    store
        .each_indexed_sample(&mut |entry, rows| {
            if seen.is_empty() {
                add(&store, 9).unwrap();
                assert!(store.delete_sample(SampleId::new(2), at(1)).unwrap());
            }
            seen.push((entry.sample_id.get(), rows.len()));
            true
        })
        .unwrap();
    assert_eq!(seen, [(0, 40), (1, 40), (2, 40)]);
    assert_eq!(store.samples(Page::default()).unwrap().len(), 3);
}

#[test]
fn a_function_that_lost_its_sample_is_damage() {
    let store = SqliteStore::open_in_memory().unwrap();
    add(&store, 1).unwrap();
    store.database.writer().execute("UPDATE function SET sample_id = 77 WHERE id = 3", []).unwrap();
    let ids = vec![malkin_report::FunctionId::new(3)];
    let read = store.functions(&FunctionQuery::ByIds(ids.clone()));
    assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
    for change in [
        "chunk_length = 1 << 40",
        "chunk_offset = -1",
        "chunk_offset = 1 << 62, chunk_length = 1 << 62",
        "chunk = 99",
    ] {
        store.database.writer().execute(&format!("UPDATE function SET {change} WHERE id = 3"), []).unwrap();
        let read = store.disassembly(&ids);
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{change}: {read:?}");
    }
}

#[test]
fn chunks_of_text_are_read_as_before() {
    let store = SqliteStore::open_in_memory().unwrap();
    add(&store, 1).unwrap();
    let ids: Vec<_> = (0..12).map(malkin_report::FunctionId::new).collect();
    let before = store.disassembly(&ids).unwrap();
    assert!(before.iter().flatten().count() > 9);
    let mut text = Vec::new();
    let writer = store.database.writer();
    for (id, xcfg) in ids.iter().zip(&before) {
        let Some(xcfg) = xcfg else { continue };
        let place = (text.len() as i64, xcfg.len() as i64, id.get());
        let update = "UPDATE function SET chunk = 1, chunk_offset = ?1, chunk_length = ?2 WHERE id = ?3";
        writer.execute(update, place).unwrap();
        text.extend_from_slice(xcfg);
    }
    let packed = crate::codec::pack("disassembly", &text).unwrap();
    let chunk = (packed.codec, packed.size, &packed.data[..]);
    writer.execute("UPDATE chunk SET codec = ?1, inflated = ?2, data = ?3 WHERE id = 1", chunk).unwrap();
    drop(writer);
    assert!(store.disassembly(&ids).unwrap() == before);
    let alone = store.disassembly(&ids[5..6]).unwrap();
    assert!(alone[0] == before[5]);
}

#[test]
fn readers_do_not_wait_for_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "").unwrap();
    add(&store, 1).unwrap();
    let writer = store.database.writer();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM sample").unwrap();
    assert_eq!(store.samples(Page::default()).unwrap().len(), 1);
    writer.execute_batch("ROLLBACK").unwrap();
}

#[test]
fn workers_at_the_same_time_never_share_a_job() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), "").unwrap();
    let jobs = 60;
    for n in 0..jobs {
        let job = crate::NewJob {
            method: "m".to_owned(),
            descriptor: n.to_string(),
            attempts: 3,
            ..crate::NewJob::default()
        };
        store.enqueue(&job, at(0), at(0)).unwrap();
    }
    let work = |worker: String| {
        let mut done = Vec::new();
        while let Some(claimed) = store.claim(&worker, &crate::Wanted::ANY, at(1)).unwrap() {
            assert!(store.finish(&claimed.job.hold().unwrap(), b"{}", at(2)).unwrap().is_some());
            done.push(claimed.job.number);
        }
        done
    };
    let mut done: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|n| {
                scope.spawn({
                    let work = &work;
                    move || work(format!("w{n}"))
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    done.sort_unstable();
    assert_eq!(done, (0..jobs).collect::<Vec<_>>());
}

/// What a claim, an admission and an expiry look at is found by index, in order: however many jobs wait or have ended, none of
/// them is sorted or looked through.
#[test]
fn the_queue_is_read_by_index() {
    let store = SqliteStore::open_in_memory().unwrap();
    let writer = store.database.writer();
    for (statement, index) in [
        (super::statements::sql!("queue/turns"), "queue_turn_order"),
        (super::statements::sql!("queue/best"), "queue_ready"),
        (super::statements::sql!("queue/load"), "queue_client"),
        (super::statements::sql!("job/oldest"), "job_used"),
        (super::statements::sql!("job/kept_bytes"), "job_used"),
        (super::statements::sql!("upload/usage"), "upload_size"),
        (super::statements::sql!("sample/old_queries"), "job_query_sample"),
    ] {
        let mut plan = writer.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let count = plan.parameter_count();
        let steps = plan.query_map(rusqlite::params_from_iter(vec![0; count]), |row| row.get::<_, String>(3));
        let steps = steps.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("; ");
        assert!(steps.contains(index), "{statement}: {steps}");
        assert!(!steps.contains("TEMP B-TREE"), "{statement}: {steps}");
    }
}

/// A database of format 6: executables of samples stay, files of queries go, jobs that wait are still run, ended ones have an age.
#[test]
fn the_queue_of_format_6_is_taken_over() {
    const OLD: [&str; 6] = [
        include_str!("../../migrations/sqlite/0001_initial.sql"),
        include_str!("../../migrations/sqlite/0002_search.sql"),
        include_str!("../../migrations/sqlite/0003_triage.sql"),
        include_str!("../../migrations/sqlite/0004_index_token.sql"),
        include_str!("../../migrations/sqlite/0005_access.sql"),
        include_str!("../../migrations/sqlite/0006_labels.sql"),
    ];
    let database = super::connection::Database::open_in_memory().unwrap();
    let mut writer = database.writer();
    for migration in OLD {
        writer.execute_batch(migration).unwrap();
    }
    let added = |seed| crate::NewSample { sha256: format!("{seed:02x}").repeat(32), ..sample(seed, 1) };
    writer.pragma_update(None, "user_version", 6).unwrap();
    writer.pragma_update(None, "application_id", 0x4d6c_6b6e).unwrap();
    // Files 1 to 4: of a stored executable, of a query for a stored sample, kept by the command line, of a query.
    let methods = ["addBinarySample", "getMatchesForSmdaReport", "getMatchesForSmdaReport", "checkRules"];
    let ends = [(Some(9), 3, Some([0x30_u8; 12])), (None, 0, None), (None, 3, None), (None, 3, None)];
    for (number, (method, (finished_at, attempts, result))) in (0_i64..).zip(methods.into_iter().zip(ends)) {
        let job = "INSERT INTO job (number, id, method, params, file_params, descriptor, descriptor_hash, created_at, finished_at,
                   attempts_left, result, priority) VALUES (?1, ?2, ?3, '', '{}', '', 0, 5, ?4, ?5, ?6, 0)";
        writer
            .execute(job, (number, [0x10 + number as u8; 12], method, finished_at, attempts, result))
            .unwrap();
    }
    for (result, job) in [(0x30_u8, 0x10_u8), (0x31, 0x99)] {
        let insert = "INSERT INTO result (id, job, codec, size, data) VALUES (?1, ?2, 0, 3, x'010203')";
        writer.execute(insert, ([result; 12], [job; 12])).unwrap();
    }
    for (number, job) in [(1_u8, Some(0)), (2, Some(1)), (3, None), (4, Some(2))] {
        let (id, sha256) = ([number; 12], [number; 32]);
        let upload =
            "INSERT INTO upload (id, sha256, touched_at, codec, size, data) VALUES (?1, ?2, 0, 0, 1, x'00')";
        writer.execute(upload, (id, sha256)).unwrap();
        if let Some(job) = job {
            writer.execute("INSERT INTO job_upload (upload, job) VALUES (?1, ?2)", (id, job)).unwrap();
        }
    }
    // Samples of the first three files, as far as the migration looks at them.
    for number in 1..4_i64 {
        let new = added(number as u64);
        let row = "INSERT INTO sample SELECT ?1, 0, NULL, '', '', '', 0, ?2, '', 32, 0, 0, 0, '', '', '', 0, 0, 0, 1, 0,
                   0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0";
        writer.execute(row, (number, new.sha256)).unwrap();
    }
    super::migrate::migrate(&mut writer).unwrap();
    super::checksums::keep(&mut writer).unwrap();
    drop(writer);
    let uses = super::expire::Uses::default();
    let store =
        SqliteStore { database, ids: crate::object_ids::ObjectIds::new().unwrap(), uses, claim: None };
    let kept: Vec<i64> = store.kept_files().unwrap().iter().map(|file| file.sample.get()).collect();
    assert_eq!(kept, [1, 3]);
    assert_eq!(store.sweep_uploads().unwrap(), 1, "the file of the query that failed");
    let usage = store.usage().unwrap();
    assert_eq!((usage.files, usage.ended_jobs, usage.result_bytes), (3, 2, 3));
    let short = crate::Wanted { lane: crate::Lane::Short, ..crate::Wanted::ANY };
    let claim = |wanted: &crate::Wanted<'_>| {
        store.claim("w", wanted, at(1)).unwrap().map(|claimed| claimed.job.number)
    };
    assert_eq!((claim(&short), claim(&short), claim(&crate::Wanted::ANY)), (Some(2), None, Some(3)));
    let since = |millis| crate::Retention {
        unused_since: crate::Timestamp::from_millis(millis),
        max_bytes: u64::MAX,
        fresh_since: at(0),
    };
    assert_eq!(store.expire(&since(6), at(2)).unwrap().jobs, 1, "failed jobs age from when they were queued");
    assert_eq!(store.expire(&since(10), at(2)).unwrap().bytes, 3);
    assert_eq!(
        store.result(malkin_report::ResultId(malkin_report::ObjectId::from_bytes([0x31; 12]))).unwrap(),
        None
    );
}
