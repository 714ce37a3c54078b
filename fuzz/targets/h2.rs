//! The HTTP/2 client, against any server.
#![no_main]

use mainstay_fuzz::{h2::Client, run};

libfuzzer_sys::fuzz_target!(|input: &[u8]| run::<Client>(input));
