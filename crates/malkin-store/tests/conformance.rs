//! The embedded store is held to the conformance suite, on a file and in memory.

use malkin_store::{SqliteStore, conformance};
use malkin_testkit::TestDir;

#[test]
fn on_a_file() {
    for (name, check) in conformance::checks() {
        println!("{name}");
        let dir = TestDir::new();
        let store = SqliteStore::open(dir.path(), "").unwrap();
        check(&store);
        store.verify().unwrap();
    }
}

#[test]
fn in_memory() {
    conformance::run_all(&|| Box::new(SqliteStore::open_in_memory().unwrap()));
}
