//! Our WebSocket client judged by Autobahn's fuzzing server, a stream per case.
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use mainstay::State;
use mainstay_peer_tests::{Document, Rig, Script, Told};
use mainstay_test_support::Site;
use mainstay_test_support::peers::{Autobahn, Judged};

fn over(told: &Told) -> bool {
    let story = told.story();
    story.count(State::Disconnected) + story.count(State::AllRetriesFailed) > 0
}

/// Runs these cases and asserts on every verdict. `kind` is what the cases send.
fn run(cases: &[&str], kind: &str) {
    if !Autobahn::is_there() {
        println!("skipped (optional): Autobahn wants a Python 2.7");
        return;
    }
    let site = Site::loopback("ours-autobahn");
    let port = site.port();
    let server = Autobahn::start(&site, port, cases);
    let ws = |binary: bool| {
        format!(
            r#""endpoint":"127.0.0.1","port":{port},"protocol":"ws","http_url":"${{path}}","opportunistic":true,"ws_binary":{binary},"metadata":[{{"path":""}}]"#
        )
    };
    let document = Document::new().stream("text", &ws(false)).stream("binary", &ws(true));
    let mut rig = Rig::new(&document);
    let mut ask = |path: &str| {
        let told = rig.scripted(kind, Script::default().echo());
        rig.set(&told, "path", path);
        rig.connect(&told);
        rig.run(path, |_node| over(&told));
        rig.destroy(&told);
    };
    for case in 1..=server.cases() {
        ask(&format!("runCase?case={case}&agent=mainstay"));
    }
    ask("updateReports?agent=mainstay");
    let verdicts = server.verdicts();
    let bad: Vec<&Judged> = verdicts.iter().filter(|judged| !judged.is_good()).collect();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(verdicts.len(), server.cases());
}

// Covers SS-544, SS-545, SS-546
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn autobahn_finds_text_pings_and_reserved_bits_in_order() {
    run(&["1.1.*", "2.*", "3.*", "4.*"], "text");
}

// Covers SS-545
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn autobahn_finds_binary_messages_in_order() {
    run(&["1.2.*"], "binary");
}

// Covers SS-301, SS-544
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn autobahn_finds_fragments_and_closes_in_order() {
    run(&["5.*", "7.*", "10.*"], "text");
}

// Covers SS-544
#[test]
#[cfg_attr(not(feature = "peers"), ignore = "cargo xtask ci runs it")]
fn autobahn_finds_utf_8_in_order() {
    run(&["6.*"], "text");
}
