//! Frames, packets and segments of every format.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mainstay_fuzz::wire::run(input));
