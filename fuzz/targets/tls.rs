//! The client session of TLS, against any server and against one that is tampered with.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mainstay_fuzz::tls::run(input));
