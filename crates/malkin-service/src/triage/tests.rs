//! Files of archives whose turn comes too late, and small files among hostile ones.

use std::sync::Arc;

use malkin_store::SqliteStore;

use super::document::was_without_similarity;
use super::*;
use crate::app::App;
use crate::clock::Clock;

#[test]
fn all_items_are_worked_on_once_and_keep_their_order() {
    let items: Vec<usize> = (0..100).collect();
    let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
    assert_eq!(in_parallel(&items, |item| item * 2), doubled);
    assert!(in_parallel(&[0_u8; 0], |_| ()).is_empty());
}

#[test]
fn a_member_whose_turn_comes_too_late_is_told_without_its_code() {
    let triage = App::open(Arc::new(SqliteStore::open_in_memory().unwrap()), Clock::System).unwrap().triage;
    let Some(program) = malkin_testkit::shared("disasm/golden/public/ninja.exe.bin.gz") else { return };
    let bytes = malkin_testkit::read_gz(&program);
    let file = Uploaded { bytes: &bytes, name: "a", hint: "", model: DEFAULT_MODEL, similarity: true };
    let late = triage.record_of(&file, "", Place::Inside(Instant::now())).unwrap();
    let told: Value = serde_json::from_str(&late.document).unwrap();
    assert_eq!(told["similarity"], TOO_LATE);
    assert!(told["facts"]["hashes"]["sha256"].is_string());
    assert!(was_without_similarity(&late.document), "uploaded by itself it is looked at whole");
    // A moment is not enough for all of it: what was found by then is told as such.
    let soon = triage.evidence(&file, triage.corpus.now(), Some(Instant::now() + Duration::from_millis(5)));
    assert_eq!(soon.without_code, None);
    assert!(
        soon.facts.unread.iter().any(|part| part.starts_with("code: stopped")),
        "{:?}",
        soon.facts.unread
    );
    let asked = Uploaded { similarity: false, ..file };
    assert_eq!(triage.evidence(&asked, triage.corpus.now(), None).without_code, Some(SKIPPED));
}

/// A PE of 2 MB whose 20,000 section headers all show other parts of the same bytes.
fn hostile(number: u8) -> Vec<u8> {
    const COUNT: usize = 20_000;
    let mut bytes = vec![number; 0x138 + 40 * COUNT + (1 << 20)];
    let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
    put(0, b"MZ");
    put(0x3c, &[0x40, 0, 0, 0]);
    put(0x40, b"PE\0\0\x4c\x01\x20\x4e");
    put(0x54, &[0xe0, 0]);
    put(0x58, &[0x0b, 1]);
    put(0x58 + 92, &[0; 132]);
    for row in 0..COUNT {
        let start = 0x200 * (row as u32 % 500);
        for (field, value) in [(8, 0x1000), (12, 0x1000), (16, 1 << 20), (20, start)] {
            put(0x138 + 40 * row + field, &u32::to_le_bytes(value));
        }
    }
    bytes
}

#[test]
fn a_tiny_file_is_answered_while_hostile_ones_are_looked_at() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    const HOSTILE: usize = 16;
    let triage = App::open(Arc::new(SqliteStore::open_in_memory().unwrap()), Clock::System).unwrap().triage;
    fn uploaded(bytes: &[u8]) -> Uploaded<'_> {
        Uploaded { bytes, name: "a", hint: "", model: DEFAULT_MODEL, similarity: true }
    }
    let (started, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..HOSTILE {
            let (triage, started, done) = (&triage, &started, &done);
            scope.spawn(move || {
                let bytes = hostile(number as u8);
                started.fetch_add(1, Ordering::SeqCst);
                let record = triage.analyse(&uploaded(&bytes), false).unwrap().document;
                done.fetch_add(1, Ordering::SeqCst);
                assert!(record.contains("is not measured"), "what was left out is said");
            });
        }
        while started.load(Ordering::SeqCst) < HOSTILE {
            std::thread::yield_now();
        }
        triage.analyse(&uploaded(b"#!/bin/sh\necho hello\n"), false).unwrap();
        assert!(done.load(Ordering::SeqCst) < HOSTILE, "it waited for all of them");
    });
}
