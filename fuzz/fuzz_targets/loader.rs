//! Executables and memory dumps: any bytes are mapped or refused.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::loader::load_any(data));
