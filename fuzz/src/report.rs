//! JSON of reports, functions and records.

use malkin_codehash::{SampleContext, refresh};
use malkin_report::{Architecture, ImageRange, wire};

use crate::hash;

/// A report: whatever is accepted can be refreshed, hashed and written, and reads as itself.
pub fn whole(data: &[u8]) {
    let started = wire::check_report_start(data);
    let read = wire::read_report(data);
    // A document that reads cannot have had a wrong start.
    assert!(started.is_ok() || read.is_err(), "{started:?}");
    let Ok(mut report) = read else { return };
    let text = wire::write_report(&report);
    let again = wire::read_report(&text).expect("a written report reads");
    assert_eq!(again, report);
    let compact = wire::read_report(&wire::write_report_compact(&report)).expect("a compact report reads");
    assert_eq!(compact, report);
    if refresh(&mut report).is_err() {
        return;
    }
    let once = report.clone();
    refresh(&mut report).expect("a fresh report can be refreshed");
    assert_eq!(report, once, "refreshing twice changes something");
    let context = SampleContext::of(&report);
    for function in &report.functions {
        hash::hashes(function, &context);
    }
}

/// The object of one function.
pub fn function(data: &[u8]) {
    let Ok(function) = wire::function_from_json(data) else { return };
    hash::through_json(&function);
    let image = Some(ImageRange { start: 0x40_0000, end: 0x80_0000 });
    hash::hashes(&function, &SampleContext { architecture: Architecture::Intel, image, bitness: 32 });
}

/// Text that is kept, passed on or cut down.
pub fn records(data: &[u8]) {
    if let Ok(value) = wire::read_value(data) {
        let text = value.to_string();
        assert_eq!(wire::read_value(text.as_bytes()).expect("a written tree reads"), value);
    }
    if let Ok(records) = wire::read_function_entries(data) {
        for record in records {
            let mut text = Vec::new();
            let xcfg = record.xcfg.as_ref().map(|xcfg| xcfg.get().as_bytes());
            wire::write_function_entry(&record.entry, xcfg, &mut text);
            let again = wire::read_function_entry(&text).expect("a written record reads");
            assert_eq!(again.entry, record.entry);
        }
    }
    if let Some(compact) = wire::compact_result(data) {
        assert_eq!(wire::compact_result(&compact).as_ref(), Some(&compact));
    }
}
