//! The HTTP/1 client, against any server.
#![no_main]

use mainstay_fuzz::{h1::Client, run};

libfuzzer_sys::fuzz_target!(|input: &[u8]| run::<Client>(input));
