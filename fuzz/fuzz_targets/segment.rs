//! Stored segments of the index.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::segment::open_any(data));
