//! Columns that functions are stored in.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::report::columns(data));
