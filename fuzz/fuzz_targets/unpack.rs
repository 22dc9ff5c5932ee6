//! Archives that are opened for triage: any bytes give bounded members.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::examine::unpack_any(data));
