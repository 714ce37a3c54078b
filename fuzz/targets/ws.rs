//! The WebSocket client, against any server.
#![no_main]

use mainstay_fuzz::{run, ws::Client};

libfuzzer_sys::fuzz_target!(|input: &[u8]| run::<Client>(input));
