//! A TCP endpoint, against any segments.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mainstay_fuzz::tcp::run_endpoint(input));
