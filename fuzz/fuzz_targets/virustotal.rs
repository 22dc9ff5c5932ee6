//! Answers of VirusTotal: read, classified and summarised.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| malkin_fuzz::provider::answer(
    malkin_intel::Provider::VirusTotal,
    data
));
