//! The policy of a drawn world.

use super::draw::{Draw, Kind, Wire};
use super::servers::port;
use crate::fixture;
use core::fmt::Write as _;

/// The streamtypes' names.
pub(crate) fn names(draw: &Draw) -> Vec<(String, &Wire)> {
    let each = draw.wires.iter().enumerate();
    each.map(|(at, wire)| (format!("{:?}{at}", wire.kind).to_lowercase(), wire)).collect()
}

/// The document.
pub(crate) fn text(draw: &Draw) -> String {
    let mut text = String::from(
        r#"{ "retry": [
            {"r0":{"backoff":[100,1000,3000],"conceal":65535,"svalidping":4,"svalidhup":9}},
            {"r1":{"backoff":[1000],"conceal":65535,"jitterpc":10,"svalidping":0,"svalidhup":8}},
            {"r2":{"backoff":[300,700],"conceal":2,"svalidping":3,"svalidhup":5}}],"#,
    );
    let _infallible = write!(
        text,
        r#" "certs": [{{"authority":"{}"}}],
            "trust_stores": [{{"name":"sim","stack":["authority"]}}], "s": ["#,
        fixture::AUTHORITY.trim()
    );
    for (at, (name, wire)) in names(draw).into_iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let body = body(at, wire);
        let _infallible = write!(text, "{comma}\n{{\"{name}\":{{{body}}}}}");
    }
    text.push_str("] }");
    text
}

fn body(at: usize, wire: &Wire) -> String {
    let speaks = match wire.kind {
        Kind::Ws => r#""protocol":"ws","http_url":"ws""#.to_owned(),
        Kind::Get => r#""protocol":"h1","http_method":"GET","http_url":"get""#.to_owned(),
        Kind::Post => r#""protocol":"h1","http_method":"POST","http_url":"post""#.to_owned(),
        Kind::H2Get => r#""protocol":"h2","http_method":"GET","http_url":"get""#.to_owned(),
        Kind::H2Post => r#""protocol":"h2","http_method":"POST","http_url":"post""#.to_owned(),
        Kind::Mqtt | Kind::Mqtt0 => format!(
            r#""protocol":"mqtt","mqtt_clean_start":true,"mqtt_topic":"up/{at}","mqtt_subscribe":"down/{at}","mqtt_qos":{}"#,
            u8::from(wire.kind == Kind::Mqtt)
        ),
        Kind::Raw => r#""protocol":"raw""#.to_owned(),
    };
    let trust = if wire.tls { r#","tls":true,"tls_trust_store":"sim""# } else { "" };
    format!(
        r#""endpoint":"sim.example","port":{},{speaks}{trust},"nailed_up":{},"opportunistic":{},"retry":"r{}""#,
        port(wire.kind, wire.tls),
        wire.nailed_up,
        wire.opportunistic,
        wire.retry
    )
}
