//! Python's numbers, seen through the escapers that ask for them, against a plain reading of the grammar.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::number::python(data));
