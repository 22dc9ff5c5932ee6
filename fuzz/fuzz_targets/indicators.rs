//! Indicators in the texts of any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::examine::indicators_any(data));
