//! Policies, as text.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mainstay_fuzz::policy::run(input));
