//! Plans of the statements that are put together, and the migration of a store that knew no search.

use malkin_wire::columns::Xcfg;

use super::super::checksums;
use super::super::migrate::migrate;
use super::*;
use crate::conformance::search::{Case, fill, in_order};
use crate::search::{Border, Field, Order, Value};
use crate::{Catalogue, Page};

/// The plan of every statement of a search.
fn plans(
    store: &SqliteStore,
    noun: Noun,
    query: &str,
    sort_by: &str,
    ascending: bool,
    backward: bool,
) -> Vec<String> {
    let filter = Filter::new(noun, query).unwrap();
    let order = Order::new(noun, Some(sort_by), ascending).unwrap();
    let value = |field: Field| match field.kind() {
        crate::search::Kind::Text => Value::Text("m".to_owned()),
        _ => Value::Integer(3),
    };
    let values = vec![value(order.field), Value::Integer(3)];
    let border = Border { values, backward };
    let connection = store.database.writer();
    let source = Source::new(&connection, noun, &filter, None).unwrap();
    let mut steps = order.beyond(&border).unwrap();
    steps.push(Filter::All(Vec::new()));
    let mut plans = Vec::new();
    for step in &steps {
        let statement = source.statement(&order, backward, step, 3);
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.text)).unwrap();
        let rows =
            plan.query_map(rusqlite::params_from_iter(&statement.bound), |row| row.get::<_, String>(3));
        plans.push(rows.unwrap().map(Result::unwrap).collect::<Vec<_>>().join("\n"));
    }
    plans
}

#[test]
fn common_orders_are_walked_and_not_sorted() {
    let store = SqliteStore::open_in_memory().unwrap();
    fill(&store);
    for (noun, sort_by) in [
        (Noun::Function, "function_id"),
        (Noun::Function, "sample_id"),
        (Noun::Function, "function_name"),
        (Noun::Sample, "sample_id"),
        (Noun::Sample, "family"),
        (Noun::Sample, "filename"),
        (Noun::Sample, "family_id"),
        (Noun::Sample, "version"),
        (Noun::Sample, "component"),
        (Noun::Sample, "binary_size"),
        (Noun::Sample, "statistics.num_functions"),
    ] {
        for (ascending, backward) in [(true, false), (true, true), (false, false), (false, true)] {
            for plan in plans(&store, noun, "", sort_by, ascending, backward) {
                // Ties of samples are sorted among themselves where both directions differ.
                let sorted = plan.contains("TEMP B-TREE FOR ORDER BY");
                assert!(!sorted, "{noun:?} by {sort_by}, {ascending} {backward}: {plan}");
            }
        }
    }
    for plan in plans(&store, Noun::Function, "", "family_id", true, false) {
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn conditions_that_name_functions_are_where_a_search_begins() {
    let store = SqliteStore::open_in_memory().unwrap();
    fill(&store);
    for query in [
        "memcpy",
        "ab OR memcpy",
        "function_name:abc num_blocks:>1",
        "sample_id:3",
        "family_id:1",
        "function_id:3 OR mem",
        "nosuch:1",
        "num_blocks:>1 (memcpy OR sample_id:1)",
    ] {
        for sort_by in ["function_id", "offset", "function_name", "num_blocks"] {
            for plan in plans(&store, Noun::Function, query, sort_by, true, false) {
                let walks = plan.lines().any(|step| step.starts_with("SCAN f") || step.starts_with("SCAN n"));
                assert!(!walks, "{query} by {sort_by}: {plan}");
            }
        }
    }
}

/// More names contain the text than are remembered one by one.
#[test]
fn texts_that_many_names_contain_are_found_all_the_same() {
    let store = SqliteStore::open_in_memory().unwrap();
    for (seed, letter) in [(1, 'a'), (2, 'b'), (3, 'c')] {
        let mut new = crate::conformance::sample(seed, 0);
        let template = crate::conformance::sample(9, 1).functions.remove(0);
        new.functions = (0..8000_u64)
            .map(|n| crate::NewFunction {
                offset: malkin_report::Va::new((n * 7919) % 8009),
                num_blocks: (n % 13) as u32,
                function_name: format!("Common_{letter}{:x}", n * 40_503 % 65_536),
                xcfg: Xcfg::default(),
                ..template.clone()
            })
            .collect();
        store.add_sample(&new, &[], "x", crate::conformance::at(0)).unwrap();
    }
    for query in ["common", "OMM", "c", "common NOT _a", "NOT common", "co num_blocks:12", "zzz"] {
        for sort_by in ["function_id", "function_name", "offset", "num_blocks", "sample_id"] {
            let case =
                Case { noun: Noun::Function, query, sort_by, ascending: sort_by != "offset", limit: 5000 };
            assert!(compare_first(&store, case) == (query != "NOT common" && query != "zzz"), "{case:?}");
        }
    }
}

/// Compares two pages and one back from there, and says whether anything was found.
fn compare_first(store: &SqliteStore, case: Case<'_>) -> bool {
    let order = Order::new(case.noun, Some(case.sort_by), case.ascending).unwrap();
    let filter = Filter::new(case.noun, case.query).unwrap();
    let search = Search { filter, order, border: None, limit: case.limit };
    let mut all = store.functions(&FunctionQuery::All(Page::default())).unwrap();
    all.retain(|function| search.filter.wants(function));
    all.sort_by(|a, b| in_order(&order, a, b));
    let mut border = None;
    for page in all.chunks(case.limit).take(2) {
        let found = store.search_functions(&Search { border, ..search.clone() }, None).unwrap();
        assert!(found.entries == page, "{case:?}");
        border = Some(Border { values: order.border(page.last().unwrap()), backward: false });
    }
    !all.is_empty()
}

#[test]
fn a_store_of_format_1_becomes_searchable() {
    let store = SqliteStore::open_in_memory().unwrap();
    fill(&store);
    let look = || {
        let order = Order::new(Noun::Function, None, true).unwrap();
        let filter = Filter::new(Noun::Function, "MEMCPY OR \u{c4}").unwrap();
        let search = Search { filter, order, border: None, limit: 100 };
        (store.search_functions(&search, None).unwrap(), store.samples(Page::default()).unwrap())
    };
    let before = look();
    assert!(before.0.entries.len() > 2);
    forget_checksums(&store.database.writer());
    store
        .database
        .writer()
        .execute_batch(
            "CREATE TABLE was (id INTEGER PRIMARY KEY, function_id INTEGER NOT NULL, username TEXT NOT NULL, label TEXT NOT NULL,
                 given_at TEXT NOT NULL) STRICT;
             INSERT INTO was SELECT row_number() OVER (ORDER BY function_id, number), function_id, username, label, given_at FROM label;
             DROP VIEW label; DROP TABLE function_label; DROP TABLE label_author; ALTER TABLE was RENAME TO label;
             CREATE UNIQUE INDEX label_once ON label (function_id, username, label);
             DROP TABLE name_term; DROP TABLE name_trigram; DROP TABLE function_search; DROP TABLE name; DROP VIEW family_entry;
             DROP INDEX sample_by_family; DROP INDEX sample_by_filename; DROP INDEX sample_by_version;
             DROP INDEX sample_by_component; DROP INDEX sample_by_binary_size; DROP INDEX sample_by_timestamp;
             DROP INDEX sample_by_num_functions; DROP TABLE analysis; DROP TABLE intel_answer; ALTER TABLE sample DROP COLUMN index_token;
             DROP TABLE token; ALTER TABLE job DROP COLUMN author;
             DROP TABLE kept_file; DROP INDEX upload_size; DROP INDEX job_used; DROP INDEX job_query_sample;
             ALTER TABLE job DROP COLUMN attempt; ALTER TABLE job DROP COLUMN used_at; ALTER TABLE job DROP COLUMN kept_bytes;
             ALTER TABLE job DROP COLUMN query_sample; DROP TABLE queue_entry; DROP TABLE queue_turn;
             DELETE FROM counter WHERE name = 'turn';
             PRAGMA user_version = 1",
        )
        .unwrap();
    migrate(&mut store.database.writer()).unwrap();
    checksums::keep(&mut store.database.writer()).unwrap();
    assert!(look() == before);
    store.verify().unwrap();
}

/// Takes back what format 7 brought to the tables that are older.
fn forget_checksums(connection: &Connection) {
    let mut select =
        connection.prepare("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'").unwrap();
    let triggers: Vec<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER temp.{trigger}")).unwrap();
    }
    connection
        .execute_batch("DROP VIEW label; DROP VIEW sample_entry; CREATE VIEW sample_entry AS SELECT 1; DROP TABLE name_instance; DROP TABLE checksum")
        .unwrap();
    connection
        .execute_batch(
            "CREATE VIEW label AS SELECT l.function_id, l.number, a.name AS username, l.label, l.given_at \
             FROM function_label AS l JOIN label_author AS a ON a.id = l.author; DELETE FROM counter WHERE name = 'identity'",
        )
        .unwrap();
    for checked in checksums::CHECKED {
        connection
            .execute_batch(&format!("ALTER TABLE {} DROP COLUMN {}", checked.table, checked.sum))
            .unwrap();
    }
}
