//! Whatever a proxy answers, and however it is split, a stack ends the same way and never panics.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_layers::{
    Event, HttpConnectSpec, OsTcpSpec, Proxy, Registry, Socks5Spec, StackSpec, Target, stack,
};
use mainstay_tls::WallClock;
use proptest::prelude::*;
use serde_json::Value;

#[path = "shared/wire.rs"]
mod wire;
use wire::Side;

fn answered(socks: bool, answer: &[u8], piece: usize) -> (Vec<Event>, Vec<u8>) {
    let proxy = Proxy::new("p.test", 1);
    let builder = stack(OsTcpSpec::default());
    let spec = match socks {
        true => builder.layer(Socks5Spec::new(proxy)),
        false => builder.layer(HttpConnectSpec::new(proxy)),
    };
    let registry = Registry::new(WallClock::new(None));
    let mut side = Side::client(&spec.build().unwrap(), &Target::new("t.test", 1), &registry);
    side.give(answer.to_vec(), piece);
    side.drain();
    (side.events, side.read)
}

/// Bytes that are nearly an answer, so that parsing goes deep.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let words: [&[u8]; 11] = [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 407 No\n",
        b"HTTP/1.1 100 Go\r\n",
        b"A: b\r\n",
        b"\r\n",
        b"\n",
        b" ",
        &[5, 0],
        &[5, 0, 0, 3, 2, 65, 66, 0, 80],
        &[5, 0, 0, 1, 1, 2, 3, 4, 0, 80],
        &[0xff],
    ];
    let words = proptest::sample::select(words.to_vec());
    proptest::collection::vec(words, 0..12).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // Covers LAY-186, LAY-223, LAY-235
    #[test]
    fn any_split_of_an_answer_says_the_same(answer in nearly(), piece in 1_usize..20, socks in any::<bool>()) {
        let whole = answered(socks, &answer, usize::MAX);
        prop_assert_eq!(whole, answered(socks, &answer, piece));
    }

    // Covers LAY-186
    #[test]
    fn no_text_panics_the_reader_of_specifications(name in ".{0,20}", value in ".{0,20}") {
        let text = format!(r#"{{"base":{{"use":"mem","label":"x"}},"layers":[{{"use":"tls","{name}":"{value}"}}]}}"#);
        if let Ok(value) = serde_json::from_str::<Value>(&text)
            && let Ok(spec) = StackSpec::from_json(&value)
        {
            prop_assert_eq!(StackSpec::from_json(&spec.to_json()), Ok(spec));
        }
    }
}
