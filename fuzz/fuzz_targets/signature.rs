//! Comparison of signatures by vector instructions against a plain loop.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::signature::compare(data));
