//! JSON of reports, functions and records.

use malkin_codehash::{HashPath, SampleContext, refresh};
use malkin_report::{Architecture, ImageRange};
use malkin_wire::columns::{COLUMNS, ColumnReader, Xcfg};

use crate::hash;

/// A report: whatever is accepted is accepted by the thorough reader too, with the same value; can be refreshed and hashed; is
/// written as what reads as itself. One of these an execution, by the length of the input.
pub fn whole(data: &[u8]) {
    let read = malkin_wire::read_report(data);
    match data.len() % 3 {
        0 => assert_eq!(read.ok(), malkin_wire::read_report(&unusual(data, b"\"xcfg\"")).ok()),
        1 => {
            let Ok(report) = read else { return };
            // A document that reads has no wrong start, wherever it is cut.
            let cut = data.iter().map(|byte| usize::from(*byte)).sum::<usize>() % (data.len() + 1);
            let started = malkin_wire::check_report_start(&data[..cut]);
            assert!(started.is_ok(), "cut at {cut}: {started:?}");
            let again = malkin_wire::read_report(&malkin_wire::write_report(&report))
                .expect("a written report reads");
            assert_eq!(again, report);
        }
        _ => {
            let Ok(mut report) = read else { return };
            if refresh(&mut report).is_err() {
                return;
            }
            let context = SampleContext::of(&report);
            let path = if data.len() & 1 == 0 { HashPath::Server } else { HashPath::Report };
            for function in &report.functions {
                hash::hashes(function, &context, path);
            }
            let compact = malkin_wire::read_report(&malkin_wire::write_report_compact(&report));
            let mut again = compact.expect("a compact report reads");
            assert_eq!(again, report);
            refresh(&mut again).expect("a fresh report can be refreshed");
            assert_eq!(again, report, "refreshing twice changes something");
        }
    }
}

/// The same document with an escape in the first key of this name: the quick reader gives up at it.
fn unusual(data: &[u8], key: &[u8]) -> Vec<u8> {
    let Some(at) = data.windows(key.len()).position(|window| window == key) else { return data.to_vec() };
    let escaped = format!("\\u{:04x}", key[1]);
    [&data[..=at], escaped.as_bytes(), &data[at + 2..]].concat()
}

/// The object of one function: read quickly and thoroughly, written, read again, hashed.
pub fn function(data: &[u8]) {
    let read = malkin_wire::function_from_json(data);
    if data.len() % 2 == 0 {
        assert_eq!(read.ok(), malkin_wire::function_from_json(&unusual(data, b"\"blocks\"")).ok());
        return;
    }
    if let Ok(text) = std::str::from_utf8(data) {
        // Taking apart reads what reading reads, and gives the text back.
        let apart = Xcfg::from_json(text);
        let is_empty = apart.as_ref().is_ok_and(Xcfg::is_empty);
        assert!(is_empty || apart.is_ok() == read.is_ok(), "{apart:?} {read:?}");
        if let (Ok(apart), Ok(_)) = (&apart, &read) {
            assert_eq!(apart.to_text(), malkin_wire::without_blanks(text));
        }
    }
    let Ok(function) = read else { return };
    hash::through_json(&function);
    let image = Some(ImageRange { start: 0x40_0000, end: 0x80_0000 });
    let context = SampleContext { architecture: Architecture::Intel, image, bitness: 32 };
    hash::hashes(&function, &context, HashPath::Server);
}

/// Columns of functions as a disk may hold them: a size for each, then what is in them. A text that comes out can be taken
/// apart again.
pub fn columns(data: &[u8]) {
    let Some((sizes, mut rest)) = data.split_first_chunk::<COLUMNS>() else { return };
    let columns = sizes.map(|size| {
        let (column, behind) = rest.split_at(usize::from(size).min(rest.len()));
        rest = behind;
        column
    });
    let mut reader = ColumnReader::new(columns);
    let mut text = Vec::new();
    while reader.next(&mut text).is_ok() {
        assert!(text.len() <= 200 * data.len(), "{} of {}", text.len(), data.len());
        assert_eq!(Xcfg::from_text(&text).to_text(), text);
        text.clear();
    }
}

/// Text that is kept, passed on or cut down.
pub fn records(data: &[u8]) {
    if let (Ok(records), Ok(apart)) =
        (malkin_wire::read_function_entries(data), malkin_wire::read_disassembled_functions(data))
    {
        assert_eq!(records.len(), apart.len());
        for (record, apart) in records.iter().zip(&apart) {
            assert_eq!(record.entry, apart.entry);
            let stated =
                record.xcfg.as_ref().map(|text| malkin_wire::without_blanks(text.get())).unwrap_or_default();
            assert!(apart.xcfg.to_text() == stated || (apart.xcfg.is_empty() && stated == b"{}"));
        }
    } else {
        let is_read = malkin_wire::read_disassembled_functions(data).is_ok();
        assert!(!is_read, "the quick reader takes what the thorough one refuses");
    }
    if let Ok(value) = malkin_wire::read_value(data) {
        let text = value.to_string();
        assert_eq!(malkin_wire::read_value(text.as_bytes()).expect("a written tree reads"), value);
    }
    if let Ok(records) = malkin_wire::read_function_entries(data) {
        for record in records {
            let mut text = Vec::new();
            let xcfg = record.xcfg.as_ref().map(|xcfg| xcfg.get().as_bytes());
            malkin_wire::write_function_entry(&record.entry, xcfg, &mut text);
            let again = malkin_wire::read_function_entry(&text).expect("a written record reads");
            assert_eq!(again.entry, record.entry);
        }
    }
    if let Some(compact) = malkin_wire::compact_result(data) {
        assert_eq!(malkin_wire::compact_result(&compact).as_ref(), Some(&compact));
    }
}
