//! A whole device, by a program of what its network and its application do.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mainstay_fuzz::node::run(input));
