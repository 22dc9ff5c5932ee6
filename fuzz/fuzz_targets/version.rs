//! Versions of the disassembler: the gate is total and orders them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::version::gate(data));
