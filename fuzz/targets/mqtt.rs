//! The MQTT client, against any server.
#![no_main]

use mainstay_fuzz::{mqtt::Client, run};

libfuzzer_sys::fuzz_target!(|input: &[u8]| run::<Client>(input));
