//! Search queries about families, samples and functions: read, written down, read again, and asked of a record.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::search::query(data));
