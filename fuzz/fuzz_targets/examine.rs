//! Files that are triaged: any bytes are told of, archives are opened within limits.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::examine::examine_any(data));
