//! Search queries.

use std::sync::LazyLock;

use malkin_report::{FamilyEntry, FamilyId, FunctionEntry, SampleEntry};
use malkin_store::search::{Filter, Noun, ParseError, parse};

static FAMILY: LazyLock<FamilyEntry> = LazyLock::new(|| FamilyEntry {
    family_id: FamilyId::new(3),
    family_name: "Ďábel".to_owned(),
    num_samples: 2,
    num_functions: 7,
    num_library_samples: 0,
});

static SAMPLE: LazyLock<SampleEntry> = LazyLock::new(|| {
    let text = include_bytes!("../seeds/mcrit/plain");
    let mut reader =
        malkin_wire::mcrit::McritReader::open(std::io::Cursor::new(text)).expect("the seed reads");
    reader.next_sample().expect("the seed reads").expect("the seed has a sample").sample
});

static FUNCTION: LazyLock<FunctionEntry> = LazyLock::new(|| {
    let records = malkin_wire::read_function_entries(include_bytes!("../seeds/records/functions"));
    records.expect("the seed reads").swap_remove(0).entry
});

/// A query about each noun. What is accepted can be asked of a record, and written down again as the same query.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(Some(expression)) = parse(text) {
        match parse(&expression.to_string()) {
            // Writing down adds parentheses and quotes.
            Err(ParseError::TooLarge { .. }) => {}
            again => assert_eq!(again, Ok(Some(expression))),
        }
    }
    if let Ok(filter) = Filter::new(Noun::Family, text) {
        let _ = filter.wants(&*FAMILY);
    }
    if let Ok(filter) = Filter::new(Noun::Sample, text) {
        let _ = filter.wants(&*SAMPLE);
    }
    if let Ok(filter) = Filter::new(Noun::Function, text) {
        let _ = filter.wants(&*FUNCTION);
    }
}
