//! Downloads from real servers whose reader falls asleep in the middle: the server is held up by our window, our memory
//! stays where it was, and every byte arrives.
#![expect(clippy::print_stdout, reason = "tests: the counts are for the reader")]

use core::time::Duration;
use mainstay_peer_tests::pressure::{Device, big_file, is_full, number, script, sender};
use mainstay_test_support::peers::{Mosquitto, Nghttpd, Nginx};
use mainstay_test_support::{Ready, Site, program};
use std::thread::sleep;

const MIB: usize = 1024 * 1024;
const PROGRAM: &str = env!("CARGO_BIN_EXE_pressure");

/// What a whole download may add to our private dirty memory.
const GROWN_KIB_MAX: u64 = 256;

/// Length of the download, and the sleep in milliseconds.
fn measure() -> (usize, u64) {
    if is_full() { (1024 * MIB, 10_000) } else { (128 * MIB, 2_000) }
}

/// Starts the download; the reader sleeps in the middle.
fn download(site: &Site, policy: &str, len: usize, sleep_ms: u64, side: &[&str]) -> Device {
    let (total, half, ms) = (len.to_string(), (len / 2).to_string(), sleep_ms.to_string());
    let args = [&["bulk", &total, &half, &ms][..], side].concat();
    Device::start(site, PROGRAM, "download", policy, &args)
}

/// While the reader sleeps the sender has something to send and does not come to it.
fn assert_held_up(site: &Site, device: &mut Device, port: u16, sleep_ms: u64) {
    let _asleep = device.wait("asleep", Duration::from_secs(120));
    sleep(Duration::from_millis(sleep_ms / 4));
    let before = sender(site, port);
    sleep(Duration::from_millis(sleep_ms / 4));
    let after = sender(site, port);
    assert!(before.queued > 0, "the sender has nothing to send: {before:?}");
    assert_eq!(before.acked, after.acked, "bytes moved while the reader slept");
    let limited = after.window_limited_ms - before.window_limited_ms;
    assert!(limited >= sleep_ms / 8, "not our window held it up: {before:?} {after:?}");
    println!("asleep: {} bytes stuck at the sender, {after:?}", after.queued);
}

/// Everything came, nothing while the reader slept, and memory stayed.
fn assert_complete(device: &mut Device, len: usize, hash: &str, slept_max: u64) {
    let done = device.wait("done", Duration::from_secs(600));
    println!("{done}");
    assert_eq!(number(&done, "received"), len as u64);
    assert_eq!(done["hash"], hash);
    assert!(number(&done, "slept_bytes") <= slept_max, "the sleeper was given bytes: {done}");
    let samples = device.all("sample").len();
    assert!(samples >= 10, "only {samples} samples");
    assert!(number(&done, "grown_kib") <= GROWN_KIB_MAX, "memory grew: {done}");
}

fn get(port: u16, protocol: &str, path: &str) -> String {
    format!(
        r#"{{"endpoint":"127.0.0.1","port":{port},"protocol":"{protocol}","http_method":"GET","http_url":"{path}","nailed_up":true}}"#
    )
}

// Covers SS-521
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn nginx_is_held_up_by_the_window_of_a_sleeping_h1_reader() {
    let (len, ms) = measure();
    let site = Site::namespace("pressure-h1");
    let (_file, hash) = big_file(&site, "www/big", len, 1);
    let nginx = Nginx::new().http(8080).start(&site);
    let policy = format!(r#"{{"s":[{{"bulk":{}}}]}}"#, get(8080, "h1", "big"));
    let mut device = download(&site, &policy, len, ms, &[]);
    assert_held_up(&site, &mut device, 8080, ms);
    assert_complete(&mut device, len, &hash, 0);
    nginx.wait_for(&format!("8080 \"GET /big HTTP/1.1\" 200 sent={len}"));
}

/// Frames of payload the server has sent on a stream, by its own log.
fn data_frames(log: &str, stream: u32) -> usize {
    let wanted = format!("stream_id={stream}>");
    log.lines().filter(|l| l.contains("send DATA frame") && l.contains(&wanted)).count()
}

// Covers SS-527
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_sleeping_h2_reader_holds_up_its_stream_and_not_its_neighbour() {
    let (len, ms) = measure();
    let site = Site::namespace("pressure-h2");
    let (_file, hash) = big_file(&site, "h2www/big", len, 1);
    // Full of zeros, takes no space, and is never over while the other sleeps.
    let endless = site.write("h2www/endless", "");
    std::fs::OpenOptions::new().write(true).open(endless).unwrap().set_len(1 << 40).unwrap();
    let server = Nghttpd::clear(8080).start(&site);
    let policy = format!(
        r#"{{"s":[{{"bulk":{},"side":{}}}]}}"#,
        get(8080, "h2", "big"),
        get(8080, "h2", "endless")
    );
    let mut device = download(&site, &policy, len, ms, &["side"]);
    let _asleep = device.wait("asleep", Duration::from_secs(120));
    sleep(Duration::from_millis(ms / 4));
    let before = server.log();
    sleep(Duration::from_millis(ms / 4));
    let after = server.log();
    assert_eq!(data_frames(&before, 1), data_frames(&after, 1), "the sleeper's stream moved");
    assert!(data_frames(&after, 3) > data_frames(&before, 3), "the neighbour stood still");
    let awake = device.wait("awake", Duration::from_secs(60));
    let asleep = &device.all("asleep")[0];
    let beside = number(&awake, "side") - number(asleep, "side");
    println!("beside the sleeper came {beside} bytes");
    assert!(beside >= MIB as u64, "{asleep} {awake}");
    // What lay in the same read as the byte at which it fell asleep is its own.
    assert_complete(&mut device, len, &hash, 0);
}

// Covers SS-544
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_websocket_server_is_held_up_by_the_window_of_a_sleeping_reader() {
    let (len, ms) = measure();
    let site = Site::namespace("pressure-ws");
    let (file, hash) = big_file(&site, "big", len, 1);
    let _server =
        script(&site, "sender", "ws_pressure.py", 8080, &["--file", file.to_str().unwrap()]);
    // Validity checks go on: a sleeping reader cannot hear a PONG, and must not be hung up on for it.
    let policy = r#"{"retry":[{"brisk":{"backoff":[100],"conceal":5,"svalidping":1,"svalidhup":2}}],
        "s":[{"bulk":{"endpoint":"127.0.0.1","port":8080,"protocol":"ws","http_url":"download","retry":"brisk","nailed_up":true}}]}"#;
    let mut device = download(&site, policy, len, ms.max(4000), &[]);
    assert_held_up(&site, &mut device, 8080, ms.max(4000));
    assert_complete(&mut device, len, &hash, 0);
    assert_eq!(number(&device.all("done")[0], "messages"), (len / MIB) as u64);
}

// Covers SS-010, SS-569
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn a_broker_is_held_up_by_the_window_of_a_sleeping_reader() {
    let (len, ms) = measure();
    let message = 64 * MIB;
    let site = Site::namespace("pressure-mqtt");
    let (file, hash) = big_file(&site, "big", message, len / message);
    let broker = Mosquitto::new().mqtt(1883).start(&site);
    let policy = r#"{"retry":[{"brisk":{"backoff":[100],"conceal":5,"svalidping":1,"svalidhup":2}}],
        "s":[{"bulk":{"endpoint":"127.0.0.1","port":1883,"protocol":"mqtt","mqtt_subscribe":"big","mqtt_qos":1,
        "mqtt_keep_alive":60,"mqtt_clean_start":true,"retry":"brisk","nailed_up":true}}]}"#;
    let mut device = download(&site, policy, len, ms.max(4000), &[]);
    device.wait_state("Connected", 1, Duration::from_secs(5));
    let publish = program("mosquitto_pub", "mosquitto-clients");
    let file = file.to_str().unwrap();
    let again = (len / message).to_string();
    let args = ["-p", "1883", "-q", "1", "-t", "big", "-f", file, "--repeat", &again];
    let _publisher = site.start("publisher", &publish, &args, &Ready::Started);
    assert_held_up(&site, &mut device, 1883, ms.max(4000));
    assert_complete(&mut device, len, &hash, 0);
    assert_eq!(number(&device.all("done")[0], "messages"), (len / message) as u64);
    // Our PUBACK came for every one of them, and none came twice.
    broker.wait_for("Received PUBACK");
    assert!(!broker.log().contains("(d1, q1"), "the broker had to repeat itself");
}
