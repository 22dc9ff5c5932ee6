//! Base85 and the archive within: any text, any archive, and sound archives with a few bytes changed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::mcrit::archive(data));
