//! The object of one function: read, hash, write, read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::report::function(data));
