//! A stack of layers, against any proxy.
#![no_main]

use mainstay_fuzz::{run, stack::Client};

libfuzzer_sys::fuzz_target!(|input: &[u8]| run::<Client>(input));
