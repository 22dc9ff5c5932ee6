//! Functions of any shape: hashes on both paths against their definitions, graph measures, and the way through JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::hash::function(data));
