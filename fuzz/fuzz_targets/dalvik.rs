//! The Dalvik escaper: texts and bytes, both paths.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::escaper::instruction(
    malkin_codehash::Escaper::Dalvik,
    data
));
