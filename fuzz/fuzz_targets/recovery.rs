//! Recovery of functions from raw code: any bytes end in functions inside of them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::recovery::recover(data));
