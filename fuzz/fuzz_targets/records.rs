//! Records of functions, trees of values and stored results as text.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::report::records(data));
