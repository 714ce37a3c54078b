//! The MQTT broker other tests rely on does what its builder promises, seen by its own clients and its log.

use mainstay_test_support::peers::Mosquitto;
use mainstay_test_support::{Pki, Ready, Site, program};

/// Publishes with `options`, subscribed to by another client; what the subscriber got.
fn exchange(site: &Site, options: &[&str]) -> String {
    let subscribe = program("mosquitto_sub", "mosquitto-clients");
    let publish = program("mosquitto_pub", "mosquitto-clients");
    // Into a file it would keep its lines to itself.
    let line_by_line = ["-oL", subscribe.to_str().unwrap_or_default()];
    let args =
        [&line_by_line[..], &["-V", "mqttv311", "-d", "-q", "1", "-C", "1", "-t", "a/#"], options]
            .concat();
    let mut subscriber = site.start(
        "subscriber",
        &program("stdbuf", "coreutils"),
        &args,
        &Ready::Line("Subscribed".to_owned()),
    );
    let args =
        [&["-V", "mqttv311", "-q", "1", "-t", "a/b", "-m", "the payload"][..], options].concat();
    let _silent = site.run(&publish, &args).ok();
    assert_eq!(subscriber.wait_end(), Some(0), "{}", subscriber.log());
    subscriber.log()
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn mosquitto_carries_a_message_in_the_clear_and_over_tls() {
    let site = Site::namespace("mosquitto");
    let pki = Pki::new(&site);
    let broker = Mosquitto::new()
        .mqtt(1883)
        .tls(8883, &pki.server)
        .mutual(8884, &pki.server, &pki.ca)
        .websockets(9001)
        .start(&site);
    assert!(exchange(&site, &["-p", "1883"]).contains("the payload"));
    let ca = pki.ca.cert_path();
    assert!(exchange(&site, &["-p", "8883", "--cafile", ca]).contains("the payload"));
    let (cert, key) = (pki.client.cert_path(), pki.client.key_path());
    assert!(
        exchange(&site, &["-p", "8884", "--cafile", ca, "--cert", cert, "--key", key])
            .contains("the payload")
    );
    broker.wait_for("Received PUBLISH from");
    broker.wait_for("(d0, q1, r0, m1, 'a/b', ... (11 bytes))");
    broker.wait_for("Sending PUBACK to");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn mosquitto_lets_in_only_those_who_know_the_password() {
    let site = Site::namespace("mosquitto-users");
    let broker = Mosquitto::new().user("dev", "secret").mqtt(1883).start(&site);
    assert!(exchange(&site, &["-p", "1883", "-u", "dev", "-P", "secret"]).contains("the payload"));
    let publish = program("mosquitto_pub", "mosquitto-clients");
    let refused =
        site.run(&publish, &["-p", "1883", "-u", "dev", "-P", "wrong", "-t", "a", "-m", "b"]);
    assert!(!refused.is_ok());
    broker.wait_for("not authorised");
}

#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn mosquitto_keeps_retained_messages_over_a_new_start() {
    let site = Site::namespace("mosquitto-kept");
    let broker = Mosquitto::new().persistent().mqtt(1883);
    let first = broker.start(&site);
    let publish = program("mosquitto_pub", "mosquitto-clients");
    let _silent =
        site.run(&publish, &["-p", "1883", "-q", "1", "-r", "-t", "a/b", "-m", "kept"]).ok();
    drop(first);
    let _second = broker.start(&site);
    let subscribe = program("mosquitto_sub", "mosquitto-clients");
    assert_eq!(site.run(&subscribe, &["-p", "1883", "-C", "1", "-t", "a/b"]).ok(), "kept\n");
}
