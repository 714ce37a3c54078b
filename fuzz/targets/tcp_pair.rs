//! Two TCP endpoints, and somebody between them.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mainstay_fuzz::tcp::run_pair(input));
