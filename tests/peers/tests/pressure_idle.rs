//! What an idle stream costs, with a real server at the other end.

use core::time::Duration;
use mainstay_peer_tests::pressure::{Device, number, script};
use mainstay_test_support::Site;

/// Streams opened.
const COUNT: usize = 1000;

/// chosen: a few times what it is, so that only a change of kind fails: one more buffer per stream, say.
const BYTES_MAX: u64 = 6 * 1024;

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_thousand_idle_websockets_cost_little_each() {
    let site = Site::namespace("pressure-idle");
    let log = site.dir().join("ids").to_str().unwrap().to_owned();
    let _server = script(&site, "ws", "ws_pressure.py", 8080, &["--log", &log]);
    let policy = r#"{"retry":[{"brisk":{"backoff":[100],"conceal":9,"svalidping":30,"svalidhup":35}}],
        "s":[{"idle":{"endpoint":"127.0.0.1","port":8080,"protocol":"ws","http_url":"idle","retry":"brisk","nailed_up":true}}]}"#;
    let args = ["idle", &COUNT.to_string()];
    let mut device = Device::start(&site, env!("CARGO_BIN_EXE_pressure"), "idle", policy, &args);
    let idle = device.wait("idle", Duration::from_secs(120));
    println!("{idle}");
    assert_eq!(number(&idle, "connected"), COUNT as u64);
    assert!(number(&idle, "per_stream") <= BYTES_MAX, "{idle}");
}
