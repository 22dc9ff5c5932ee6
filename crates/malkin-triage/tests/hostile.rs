//! Small files that state much: the work they cause is counted and follows their size.

use malkin_report::Budget;
use malkin_triage::{Facts, Options, examine};

/// Examines a file; returns what was found and the units of work.
fn examined(bytes: &[u8]) -> (Facts, u64) {
    let budget = Budget::for_size(bytes.len());
    let facts = examine(bytes, &Options { budget: Some(&budget), ..Options::default() });
    (facts, budget.used())
}

fn put(bytes: &mut [u8], at: usize, words: &[u32]) {
    for (index, word) in words.iter().enumerate() {
        bytes[at + 4 * index..at + 4 * index + 4].copy_from_slice(&word.to_le_bytes());
    }
}

/// A PE with so many section headers, each of which shows another start of the same bytes.
fn pe_of_sections(count: u16) -> Vec<u8> {
    let mut bytes = vec![0_u8; 0x200 + 40 * usize::from(count) + (1 << 20)];
    bytes[..2].copy_from_slice(b"MZ");
    put(&mut bytes, 0x3c, &[0x40]);
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x44..0x48].copy_from_slice(&[0x4c, 1, count as u8, (count >> 8) as u8]);
    bytes[0x54] = 0xe0;
    put(&mut bytes, 0x58, &[0x10b]);
    put(&mut bytes, 0x58 + 92, &[16]);
    let size = bytes.len() as u32;
    for row in 0..u32::from(count) {
        let start = 0x200 * (row % 512);
        put(&mut bytes, 0x138 + 40 * row as usize + 8, &[0x1000, 0x1000 * row, size - start, start]);
    }
    bytes
}

#[test]
fn sections_over_the_same_bytes_are_measured_as_far_as_the_file_allows() {
    for count in [20_000, 65_535] {
        let bytes = pe_of_sections(count);
        let (facts, work) = examined(&bytes);
        assert!(work < (64 << 20) + 64 * bytes.len() as u64, "{work} for {} bytes", bytes.len());
        assert!(work < 40 * bytes.len() as u64, "{work} for {} bytes", bytes.len());
        let pe = facts.pe.expect("headers");
        assert_eq!(pe.sections.len(), 4096);
        assert!(
            pe.sections[0].sha256.len() == 64 && pe.sections.iter().any(|section| section.sha256.is_empty())
        );
        let said = |what: &str| facts.unread.iter().any(|part| part.contains(what));
        assert!(said("is not measured") && said("only the first 4096"), "{:?}", facts.unread);
    }
}

/// A PE whose resource directory has rows that all lead to the same directory.
#[test]
fn directories_of_resources_that_name_one_another_end() {
    const ROWS: usize = 0x7000;
    let mut bytes = vec![0_u8; 0x400 + 0x10 + 8 * ROWS];
    let size = bytes.len() as u32 - 0x400;
    let head = pe_of_sections(1);
    bytes[..0x160].copy_from_slice(&head[..0x160]);
    put(&mut bytes, 0x138 + 8, &[size, 0x1000, size, 0x400]);
    put(&mut bytes, 0x58 + 96 + 16, &[0x1000, size]);
    bytes[0x400 + 14..0x400 + 16].copy_from_slice(&(ROWS as u16).to_le_bytes());
    for row in 0..ROWS {
        // All rows are directories: the same one again, at every level.
        put(&mut bytes, 0x410 + 8 * row, &[row as u32, 0x8000_0000]);
    }
    let (facts, _) = examined(&bytes);
    assert!(facts.unread.iter().any(|part| part.contains("too many rows")), "{:?}", facts.unread);
}

#[test]
fn words_with_dots_are_searched_in_one_pass() {
    let words: Vec<String> = (0..200_000).map(|number| format!("aa{number}.bb{}x ", number % 7)).collect();
    let line = words.concat();
    let (short, long) = (&line.as_bytes()[..line.len() / 10], line.as_bytes());
    let work = |bytes: &[u8]| examined(bytes).1 as f64 / bytes.len() as f64;
    assert!(work(long) < 1.1 * work(short) && work(long) < 40.0, "{} and {}", work(short), work(long));
}

#[test]
fn an_examination_ends_with_its_budget_and_says_so() {
    let budget = Budget::new(1000, u64::MAX);
    let text = "http://evil.example.com/a\n".repeat(1000);
    let facts = examine(text.as_bytes(), &Options { budget: Some(&budget), ..Options::default() });
    assert!(facts.unread.iter().any(|part| part.starts_with("budget: ")), "{:?}", facts.unread);
    assert_eq!(facts.hashes.sha256.len(), 64, "what every file has is there");
}
