//! Exports in MCRIT's format: read sample by sample, write, read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::mcrit::file(data));
