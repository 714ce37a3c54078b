//! Every key of the specification's tables is parsed, refused when of the wrong type, and has its
//! effect on the model. The keys, their types and defaults are read from the specification.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use mainstay_policy::keys::{Level, Row, rows};
use mainstay_policy::{Code, Policy, Protocol, Streamtype};

const SPEC: &str = include_str!("../../../docs/spec/secure-streams.md");

/// A key as the specification lists it.
#[derive(Clone, Debug)]
struct Listed {
    name: String,
    kind: String,
    default: String,
}

/// The text of a section, by its heading's start.
fn section(heading: &str) -> &'static str {
    let start = SPEC.find(&format!("\n### {heading} ")).unwrap() + 1;
    let rest = &SPEC[start..];
    let end = rest[4..].find("\n##").unwrap();
    &rest[..end + 4]
}

fn ticked(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The keys of the table in a section.
fn listed(heading: &str) -> Vec<Listed> {
    let mut out = Vec::new();
    for line in section(heading).lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let names = ticked(cells[1]);
        let align = |cell: &str| {
            let parts: Vec<_> = cell.split(", ").map(str::to_owned).collect();
            let whole = || vec![cell.to_owned(); names.len()];
            if parts.len() == names.len() && !cell.contains("${}") { parts } else { whole() }
        };
        let (kinds, defaults) = (align(cells[2]), align(cells[3]));
        for ((name, kind), default) in names.iter().zip(kinds).zip(defaults) {
            out.push(Listed { name: name.trim_end_matches("[]").to_owned(), kind, default });
        }
    }
    assert!(!out.is_empty(), "no table in {heading}");
    out
}

/// A value the specification allows for the key, and one it does not.
fn values(key: &Listed) -> (&'static str, Option<&'static str>) {
    let right = match key.name.as_str() {
        "via-socks5" => r#""proxy:1080""#,
        "retry" => r#""again""#,
        "tls_trust_store" => r#""store""#,
        "server_cert" | "server_key" => r#""cert""#,
        "use_auth" => r#""sign""#,
        "rideshare" => r#""base""#,
        "metadata" => r#"[{"n":"m"}]"#,
        "http_resp_map" => r#"[{"404":1404}]"#,
        "options" => r#"[{"n":"v"}]"#,
        "protocol" => r#""ws""#,
        "plugins" => r#"[{"any":{}}]"#,
        _ => match key.kind.split([' ', ',']).next().unwrap() {
            "string" => r#""text""#,
            "bool" => "true",
            "u16" | "u32" | "int" | "0..2" => "1",
            kind => panic!("{}: unforeseen type {kind}", key.name),
        },
    };
    let wrong = match key.kind.split([' ', ',']).next().unwrap() {
        "any" => None,
        "string" | "one" => Some("7"),
        _ => Some(r#""7""#),
    };
    (right, wrong)
}

const AROUND: &str = r#""retry":[{"again":{"conceal":3}}],"certs":[{"cert":"AAAA"}],
"trust_stores":[{"name":"store","stack":["cert"]}],"auth":[{"name":"sign"}],"#;

fn with_key(key: &str, value: &str) -> String {
    format!("{{{AROUND}\n\"s\":[{{\"base\":{{}}}},{{\"x\":{{\n  \"{key}\":   {value}\n}}}}]}}")
}

fn row(level: Level, name: &str) -> Row {
    rows().find(|r| r.level == level && r.name == name).unwrap_or_else(|| panic!("{name}"))
}

fn streamtype(key: &str, value: &str) -> Streamtype {
    let parsed = Policy::parse(&with_key(key, value), "p").unwrap_or_else(|f| panic!("{f}"));
    let unknown = parsed.warnings.iter().find(|w| w.code == Code::UnknownKey);
    assert_eq!(unknown, None);
    (*parsed.policy.streamtypes["x"]).clone()
}

fn check_table(heading: &str) {
    for key in listed(heading) {
        let (right, wrong) = values(&key);
        let name = &key.name;
        let row = row(Level::Streamtype, name);
        let spec = if key.default == "–" { "none" } else { key.default.trim_matches('`') };
        assert!(spec.starts_with(row.default), "{name}: default {spec} and {}", row.default);
        assert_eq!(row.template, key.kind.contains("${}"), "{name}: template");
        assert!(!row.ours, "{name} is of lws");

        let plain = Streamtype { name: "x".into(), ..Streamtype::default() };
        assert_ne!(streamtype(name, right), plain, "{name} has no effect");
        let Some(wrong) = wrong else { continue };
        let faults = Policy::parse(&with_key(name, wrong), "p").unwrap_err();
        let fault = faults.iter().next().unwrap();
        assert_eq!(fault.code, Code::WrongType, "{fault}");
        assert_eq!((fault.path.as_str(), &fault.key), (&*format!("s[1].x.{name}"), name));
        assert_eq!((fault.line, fault.column), (4, 3 + name.len() + 2 + 4), "{fault}");
    }
}

// Covers SS-433, SS-434, SS-402
#[test]
fn connection_keys_are_parsed_refused_and_take_effect() {
    check_table("5.4");
}

// Covers SS-435, SS-436, SS-402
#[test]
fn http_and_ws_keys_are_parsed_refused_and_take_effect() {
    check_table("5.5");
}

// Covers SS-437, SS-402
#[test]
fn mqtt_keys_are_parsed_refused_and_take_effect() {
    check_table("5.6");
}

// Covers SS-438, SS-402
#[test]
fn server_keys_are_parsed_refused_and_take_effect() {
    check_table("5.7");
}

// Covers SS-433, SS-435, SS-436, SS-437
#[test]
fn each_value_reaches_the_field_of_its_name() {
    assert_eq!(streamtype("endpoint", "\"a.b\"").endpoint.as_deref(), Some("a.b"));
    assert_eq!(streamtype("port", "65535").port, 65535);
    for (word, protocol) in [
        ("h1", Protocol::H1),
        ("h2", Protocol::H2),
        ("h3", Protocol::H3),
        ("ws", Protocol::Ws),
        ("mqtt", Protocol::Mqtt),
        ("raw", Protocol::Raw),
    ] {
        assert_eq!(streamtype("protocol", &format!("\"{word}\"")).protocol, protocol);
    }
    assert_eq!(streamtype("client_cert", "2").client_cert, Some(2));
    assert_eq!(streamtype("attr_priority", "7").attr_priority, 7);
    assert_eq!(streamtype("retry", "\"again\"").retry.unwrap().conceal, 3);
    let proxy = streamtype("via-socks5", "\"u:p@h:1\"").via_socks5.unwrap();
    assert_eq!((proxy.host.as_str(), proxy.port), ("h", 1));
    assert_eq!(proxy.credentials, Some(("u".into(), "p".into())));
    let metadata = streamtype("metadata", r#"[{"a":"x:","b":""},{"c":"y"}]"#).metadata;
    let metadata: Vec<_> = metadata.iter().map(|(n, m)| (n.as_str(), m.as_str())).collect();
    assert_eq!(metadata, [("a", "x:"), ("b", ""), ("c", "y")]);
    let map = streamtype("http_resp_map", r#"[{"404":1404,"500":1500},{"530":4}]"#).http.resp_map;
    assert_eq!(map, [(404, 1404), (500, 1500), (530, 4)]);
    assert_eq!(streamtype("http_expect", "204").http.expect, 204);
    assert_eq!(streamtype("mqtt_qos", "2").mqtt.qos, 2);
    assert!(streamtype("mqtt_will_retain", "true").mqtt.will_retain);
    assert!(streamtype("ws_binary", "true").ws.binary);
    assert!(!streamtype("ws_binary", "false").ws.binary);
}

// Covers SS-433, SS-434, SS-435, SS-437
#[test]
fn numbers_outside_their_range_are_refused_with_the_range() {
    let bad = [
        ("port", "65536"),
        ("port", "-1"),
        ("client_cert", "-1"),
        ("timeout_ms", "4294967296"),
        ("attr_priority", "8"),
        ("proxy_buflen", "4294967296"),
        ("http_expect", "65536"),
        ("mqtt_qos", "3"),
        ("mqtt_will_qos", "3"),
        ("mqtt_birth_qos", "3"),
        ("mqtt_keep_alive", "65536"),
        ("tx_max", "1023"),
        ("http_resp_map", r#"[{"404":0}]"#),
        ("http_resp_map", r#"[{"404":21}]"#),
        ("http_resp_map", r#"[{"404":66536}]"#),
        ("http_resp_map", r#"[{"4o4":1000}]"#),
        ("mqtt_version", "6"),
    ];
    for (key, value) in bad {
        let faults = Policy::parse(&with_key(key, value), "p").unwrap_err();
        let fault = faults.iter().next().unwrap();
        assert_eq!((fault.code, fault.line), (Code::OutOfRange, 4), "{key} {value}: {fault}");
    }
    for (key, value) in [("port", "1.5"), ("port", "1e3"), ("mqtt_qos", "0x1")] {
        assert!(Policy::parse(&with_key(key, value), "p").is_err(), "{key} {value}");
    }
}

// Covers SS-973
#[test]
fn keys_of_our_own_are_known_marked_and_take_effect() {
    let line = SPEC.lines().find(|l| l.starts_with("| **SS-973**")).unwrap();
    let list = line.split_once("only the project knows (").unwrap().1.split_once(')').unwrap().0;
    let mut names = ticked(list);
    assert!(names.len() >= 10);
    names.extend(["stack", "tx_max", "h1_fallback"].map(str::to_owned));
    for name in names {
        assert!(row(Level::Streamtype, &name).ours, "{name}");
        let value = match name.as_str() {
            "alias_of" => r#""base""#,
            "mqtt_version" => "5",
            "tx_max" => "4096",
            "via-http-proxy" => r#""https://u:p@proxy:3128""#,
            "stack" => r#"{"base":{"tcp":{}},"layers":[{"use":"tls","alpn":["h2"]}]}"#,
            _ => "true",
        };
        let parsed = Policy::parse(&with_key(&name, value), "p").unwrap();
        let marked = parsed.notes.iter().find(|n| n.code == Code::Ours).unwrap();
        assert_eq!((&marked.key, marked.line, marked.column), (&name, 4, 3), "{marked}");
        let wrong = if name == "mqtt_version" { r#""5""# } else { "[7]" };
        let faults = Policy::parse(&with_key(&name, wrong), "p").unwrap_err();
        assert_eq!(faults.iter().next().unwrap().code, Code::WrongType, "{name}");
    }
    assert!(streamtype("nailed_up_repeat", "true").nailed_up_repeat);
    assert!(streamtype("h1_fallback", "true").http.h1_fallback);
    assert!(streamtype("auth_hexify", "true").http.auth_hexify);
    assert_eq!(streamtype("tx_max", "1024").tx_max, Some(1024));
    let proxy = streamtype("via-http-proxy", r#""https://u:p@proxy:3128""#).via_http_proxy.unwrap();
    assert_eq!((proxy.tls, proxy.at.host.as_str(), proxy.at.port), (true, "proxy", 3128));
    let stack = streamtype("stack", r#"{ "layers": [], "base": {"b":-1} }"#).stack.unwrap();
    assert_eq!(stack, r#"{"base":{"b":-1},"layers":[]}"#);
}

// Covers SS-536
#[test]
fn h3_falls_back_to_h2_where_the_policy_allows_it() {
    let text = |extra: &str| with_key("protocol", &format!("\"h3\"{extra}"));
    let parsed = Policy::parse(&text(""), "p").unwrap();
    let strict = &parsed.policy.streamtypes["x"];
    assert_eq!(strict.protocol, Protocol::H3);
    assert!(strict.inert.iter().any(|i| i.key == "protocol" && i.needed));
    let parsed = Policy::parse(&text(", \"h3_fallback\": true"), "p").unwrap();
    let lax = &parsed.policy.streamtypes["x"];
    assert_eq!(lax.protocol, Protocol::H2);
    assert!(lax.inert.is_empty());
}

#[test]
fn inert_keys_say_whether_a_stream_can_do_without() {
    let needed = |key: &str, value: &str| {
        let made = streamtype(key, value);
        made.inert.iter().find(|i| i.key == key).map(|i| i.needed)
    };
    for key in ["server", "local_sink", "long_poll", "perf", "http_cookies", "http_multipart_ss_in"]
    {
        assert_eq!(needed(key, "true"), Some(true), "{key}");
        assert_eq!(needed(key, "false"), None, "{key}: a default asks for nothing");
    }
    for key in ["aws_iot", "mqtt_over_ws"] {
        assert_eq!(needed(key, "true"), Some(true), "{key}");
    }
    for key in ["http_multipart_name", "http_multipart_filename", "http_mime_content_type"] {
        assert_eq!(needed(key, "\"x\""), Some(true), "{key}");
    }
    assert_eq!(needed("mqtt_version", "5"), Some(true));
    assert_eq!(needed("mqtt_version", "4"), None);
    assert_eq!(needed("use_auth", "\"sign\""), Some(true));
    assert_eq!(needed("aws_region", "\"r\""), Some(false));
    for key in ["urgent_tx", "urgent_rx", "swake_validity", "h2q_oflow_txcr", "ws_over_h2"] {
        assert_eq!(needed(key, "true"), Some(false), "{key}");
    }
    assert_eq!(needed("proxy_buflen", "4096"), Some(false));
    assert_eq!(needed("proxy_buflen", "0"), None);
    let made = streamtype("use_auth", "\"sign\", \"aws_region\": \"r\"");
    assert!(made.inert.iter().any(|i| i.key == "aws_region" && i.needed));
}

// Covers SS-415, SS-416, SS-417, SS-420, SS-421
#[test]
fn keys_of_the_document_are_parsed_and_refused() {
    for key in listed("5.2") {
        let row = row(Level::Document, &key.name);
        let wrong =
            if key.kind == "string" || key.kind.starts_with("string") { "7" } else { "\"7\"" };
        let faults = Policy::parse(&format!("{{\"{}\": {wrong}}}", row.name), "p").unwrap_err();
        let fault = faults.iter().next().unwrap();
        assert_eq!((fault.code, fault.path.as_str()), (Code::WrongType, row.name), "{fault}");
        assert_eq!((fault.line, fault.column), (1, row.name.len() + 6));
    }
    for (level, id) in [(Level::Retry, "417"), (Level::Metric, "420"), (Level::Auth, "421")] {
        let line = section("5.2").lines().find(|l| l.contains(&format!("**SS-{id}**"))).unwrap();
        let text = line.rsplit_once(" | – | ").unwrap().1;
        for name in ticked(text).iter().filter(|n| !["name", "*"].contains(&n.as_str())) {
            row(level, name);
        }
    }
    let text = r#"{"release":"r1","product":"p1","schema-version":1,"via-socks5":"h:1080",
      "retry":[{"a":{"backoff":[1,2,3,4,5,6,7,8],"conceal":65535,"jitterpc":255,"svalidping":65535,
        "svalidhup":1},"b":{}}],
      "metrics":[{"name":"m","us_schedule":18446744073709551615,"us_halflife":4294967295,
        "min_outlier":255,"report":"a,b*"}],
      "auth":[{"name":"w","type":"sigv4","streamtype":"t","blob":3}],"s":[{"t":{}}]}"#;
    let parsed = Policy::parse(text, "p").unwrap();
    assert_eq!(parsed.warnings, []);
    let policy = parsed.policy;
    assert_eq!((policy.release.as_deref(), policy.product.as_deref()), (Some("r1"), Some("p1")));
    assert_eq!(policy.via_socks5.unwrap().port, 1080);
    let (a, b) = (&policy.retry["a"], &policy.retry["b"]);
    assert_eq!((a.backoff_ms.len(), a.conceal, a.jitter_percent), (8, 65535, 255));
    assert_eq!((a.valid_ping_s, a.valid_hangup_s), (65535, 1));
    assert_eq!((b.backoff_ms.len(), b.conceal, b.jitter_percent), (0, 0, 0));
    assert_eq!((b.valid_ping_s, b.valid_hangup_s), (0, 0));
    let metric = &policy.metrics["m"];
    assert_eq!((metric.schedule_us, metric.halflife_us), (u64::MAX, u32::MAX));
    assert_eq!((metric.min_outlier, metric.report.as_str()), (255, "a,b*"));
    let auth = &policy.auth["w"];
    assert_eq!((auth.kind.as_deref(), auth.blob), (Some("sigv4"), 3));
    assert_eq!(auth.streamtype.as_deref(), Some("t"));
}
