//! Sections 5.4 to 5.9 as far as an attempt shows them: what the pool is asked for.

use crate::script::{Script, created, http, scheme, streamtype, ws};
use core::time::Duration;
use mainstay_base::{Policy as Fault, Reason};
use mainstay_http::Body;
use mainstay_policy::model::{Auth, HostPort, HttpProxy, Inert, Retry};
use mainstay_policy::{Policy, Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Blobs, CreateError, Info, Stream};
use std::sync::Arc;

fn open(streamtype: Streamtype) -> pool::Open {
    let mut script = created(streamtype);
    script.connect();
    script.opens.pop().unwrap()
}

/// The reason an attempt fails for before it leaves us.
fn fault(mut script: Script) -> Fault {
    assert!(script.connect().starts_with("CONNECTING UNREACHABLE"));
    match script.details[0].2 {
        Some(Reason::Policy(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

fn socks(host: &str) -> HostPort {
    HostPort { credentials: None, host: host.into(), port: 1080 }
}

fn proxied(policy: Policy, streamtype: Streamtype) -> String {
    let mut script = Script::with(policy, Streamtype { tls: true, ..streamtype }, Blobs::default());
    script.run();
    script.connect();
    script.opens[0].route.stack.to_string()
}

// Covers LAY-193, SS-416, SS-937
#[test]
fn tls_and_proxies_are_stacked_as_the_keys_say() {
    assert_eq!(open(ws()).route.stack.to_string(), "os-tcp");
    let document = || Policy { via_socks5: Some(socks("doc")), ..Policy::default() };
    let plain = proxied(Policy::default(), ws());
    assert!(plain.starts_with("tls") && plain.ends_with(">os-tcp"), "{plain}");
    assert!(proxied(document(), ws()).contains("socks5(doc:1080)"));
    let own = Streamtype { via_socks5: Some(socks("own")), ..ws() };
    let own = proxied(document(), own);
    assert!(own.contains("socks5(own:1080)") && !own.contains("doc"), "{own}");
    let at = HostPort { port: 3128, ..socks("proxy") };
    let tunnel = Streamtype { via_http_proxy: Some(HttpProxy { tls: true, at }), ..ws() };
    let tunnel = proxied(document(), tunnel);
    assert!(tunnel.contains("http-connect(proxy:3128)>tls") && !tunnel.contains("doc"), "{tunnel}");
}

// Covers LAY-193
#[test]
fn a_stack_spelled_out_overrides_the_other_keys() {
    let text = r#"{"base": {"use": "os-tcp"}, "layers": [
        {"use": "socks5", "proxy": "near:1080"}, {"use": "tls", "name": "inner.test"}]}"#;
    let own = Streamtype { stack: Some(text.into()), via_socks5: Some(socks("own")), ..ws() };
    let stack = proxied(Policy::default(), own);
    assert!(stack.contains("socks5(near:1080)") && !stack.contains("own"), "{stack}");
    assert!(stack.starts_with("tls") && stack.contains("http/1.1"), "{stack}");
    let broken = Streamtype { stack: Some(r#"{"base": {"use": "pigeon"}}"#.into()), ..ws() };
    let mut script = created(broken);
    script.connect();
    assert!(script.opens.is_empty());
}

// Covers SS-433, SS-525, SS-540, SS-560
#[test]
fn each_protocol_offers_its_alpn() {
    for (protocol, fallback, alpn) in [
        (Protocol::H1, false, "http/1.1"),
        (Protocol::Ws, false, "http/1.1"),
        (Protocol::H2, false, "h2"),
        (Protocol::Mqtt, false, "x-amzn-mqtt-ca"),
    ] {
        let mut streamtype = Streamtype { tls: true, protocol, ..http("GET") };
        streamtype.http.h1_fallback = fallback;
        let stack = open(streamtype).route.stack.to_string();
        assert!(stack.contains(alpn), "{stack}");
    }
    let mut streamtype = Streamtype { tls: true, protocol: Protocol::H2, ..http("GET") };
    streamtype.http.h1_fallback = true;
    let stack = open(streamtype).route.stack.to_string();
    assert!(stack.contains("h2") && stack.contains("http/1.1"), "{stack}");
}

// Covers SS-433
#[test]
fn an_endpoint_url_overrides_tls_port_and_path() {
    let mut streamtype = Streamtype { tls: true, ..http("GET") };
    streamtype.metadata = vec![("where".into(), String::new())];
    streamtype.endpoint = Some("${where}".into());
    let mut script = created(streamtype);
    script.stream.set_metadata("where", b"http://other.example:81/a?b").unwrap();
    script.connect();
    let request = script.request();
    assert_eq!((request.secure, request.path.as_str()), (false, "/a?b"));
    assert_eq!(request.authority, "other.example:81");
    let target = &script.opens[0].route.target;
    assert_eq!((target.host.as_str(), target.port), ("other.example", 81));
    assert_eq!(script.opens[0].route.stack.to_string(), "os-tcp");
}

// Covers SS-435, SS-930
#[test]
fn one_leading_slash_of_http_url_is_stripped_and_one_written() {
    for (url, path) in [("x", "/x"), ("/x?y", "/x?y"), ("", "/"), ("/", "/")] {
        for make in [http("GET"), ws()] {
            let mut streamtype = make;
            streamtype.http.url = Some(url.into());
            let mut script = created(streamtype);
            script.connect();
            assert_eq!(script.request().path, path);
        }
    }
}

// Covers SS-435, SS-540
#[test]
fn http_method_is_needed_for_http_and_ignored_for_ws() {
    let mut bare = http("GET");
    bare.http.method = None;
    assert_eq!(fault(created(bare)), Fault::Missing);
    let mut script = created(Streamtype { protocol: Protocol::Ws, ..http("POST") });
    script.connect();
    assert_eq!((script.request().method.as_str(), script.request().body), ("GET", Body::None));
}

fn blobs() -> Blobs {
    Blobs {
        auth: [Some("tok".into()), Some("two".into()), None, None],
        serial: Some("sn1".into()),
        firmware: Some("fw2".into()),
        device_type: Some("dt3".into()),
        ..Blobs::default()
    }
}

fn decorated(protocol: Protocol) -> Streamtype {
    let mut streamtype = Streamtype { protocol, direct_proto_str: true, ..http("GET") };
    let http = &mut streamtype.http;
    http.auth_header = Some("authorization:".into());
    http.auth_preamble = Some("bearer ".into());
    http.dsn_header = Some("x-dsn:".into());
    http.fwv_header = Some("x-fwv".into());
    http.devtype_header = Some("x-type:".into());
    streamtype.metadata =
        vec![("ctype".into(), "content-type:".into()), ("bare".into(), String::new())];
    streamtype
}

// Covers SS-453, SS-508, SS-541, SS-226, SS-935
#[test]
fn blobs_come_first_then_metadata_then_direct_headers_on_ws_too() {
    for protocol in [Protocol::H1, Protocol::H2, Protocol::Ws] {
        let mut script = Script::with(Policy::default(), decorated(protocol), blobs());
        script.run();
        script.stream.set_metadata("x-direct:", b"yes").unwrap();
        script.stream.set_metadata("ctype", b"text/plain").unwrap();
        script.stream.set_metadata("bare", b"unmapped").unwrap();
        script.connect();
        let headers = &script.request().headers;
        let found: Vec<_> =
            headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        let wanted = [
            ("authorization", "bearer tok"),
            ("x-dsn", "sn1"),
            ("x-fwv", "fw2"),
            ("x-type", "dt3"),
            ("content-type", "text/plain"),
            ("x-direct", "yes"),
        ];
        assert_eq!(found, wanted, "{protocol:?}");
    }
}

// Covers SS-226, SS-227
#[test]
fn direct_headers_are_read_from_the_response_while_connected() {
    let mut script = Script::with(Policy::default(), decorated(Protocol::H1), blobs());
    script.run();
    script.connect();
    script.head(200, &[("x-served-by", "c3")]);
    assert_eq!(script.stream.metadata("x-served-by:"), Some(&b"c3"[..]));
    assert_eq!(script.stream.metadata("x-other:"), None);
    script.event(pool::Event::Finished);
    assert_eq!(script.stream.metadata("x-served-by:"), None);
    assert_eq!(created(http("GET")).stream.metadata("undeclared"), None);
}

// Covers SS-435, SS-908
#[test]
fn a_configured_blob_that_is_not_set_fails_the_attempt() {
    assert_eq!(fault(created(decorated(Protocol::H1))), Fault::Missing);
    let hexed = || {
        let mut streamtype = decorated(Protocol::H1);
        streamtype.http.auth_hexify = true;
        streamtype
    };
    let mut script = Script::with(Policy::default(), hexed(), blobs());
    script.run();
    script.connect();
    assert_eq!(script.request().headers["authorization"], "bearer 746f6b");
    assert!(!format!("{:?}", script.opens[0]).contains("746f6b"), "marked as secret");
}

// Covers SS-112
#[test]
fn a_missing_credential_is_auth_failed_and_retried() {
    let auth = Auth { blob: 2, ..Auth::default() };
    let policy = Policy { auth: [("lwa".into(), auth)].into(), ..Policy::default() };
    let streamtype = Streamtype { use_auth: Some("lwa".into()), ..http("GET") };
    let mut script = Script::with(policy, streamtype, blobs());
    script.run();
    assert_eq!(script.connect(), "CONNECTING AUTH_FAILED");
    assert_eq!(script.wait(1010), "POLL CONNECTING AUTH_FAILED");
}

// Covers SS-451, SS-450, SS-908
#[test]
fn unset_metadata_expand_to_nothing_and_undeclared_ones_fail_the_attempt() {
    let mut streamtype = http("GET");
    streamtype.metadata = vec![("a".into(), String::new())];
    streamtype.http.url = Some("x${a}y".into());
    let mut script = created(streamtype.clone());
    script.connect();
    assert_eq!(script.request().path, "/xy");
    script.head(200, &[]);
    script.event(pool::Event::Finished);
    script.stream.set_metadata("a", b"-1-").unwrap();
    script.connect();
    assert_eq!(script.request().path, "/x-1-y", "evaluated at each attempt");
    streamtype.http.url = Some("x${b}y".into());
    assert_eq!(fault(created(streamtype)), Fault::UndeclaredMetadata);
}

// Covers SS-451
#[test]
fn no_value_can_break_out_of_its_line() {
    let mut streamtype = http("GET");
    streamtype.metadata = vec![("a".into(), "x-a".into())];
    streamtype.http.url = Some("${a}".into());
    let mut script = created(streamtype.clone());
    script.stream.set_metadata("a", b"x HTTP/1.1\r\nevil: 1").unwrap();
    assert_eq!(fault(script), Fault::Invalid);
    streamtype.http.url = None;
    let mut script = created(streamtype);
    script.stream.set_metadata("a", b"x\r\nevil: 1").unwrap();
    assert_eq!(fault(script), Fault::Invalid);
}

// Covers SS-453, SS-516, SS-007
#[test]
fn a_content_length_from_metadata_marks_a_body_and_forms_have_their_type_once() {
    let mut streamtype = http("POST");
    streamtype.metadata = vec![("len".into(), "content-length:".into())];
    streamtype.http.www_form_urlencoded = true;
    let mut script = created(streamtype);
    script.stream.set_metadata("len", b"12").unwrap();
    script.connect();
    let request = script.request();
    assert_eq!(request.body, Body::Sized(12));
    assert!(!request.headers.contains_key("content-length"), "the codec writes it");
    let types: Vec<_> = request.headers.get_all("content-type").iter().collect();
    assert_eq!(types, ["application/x-www-form-urlencoded"]);
}

// Covers SS-445, SS-447, SS-446
#[test]
fn validity_is_that_of_the_scheme_where_the_protocol_can_ping() {
    let with = |protocol, ping, hangup| {
        let retry = Retry { valid_ping_s: ping, valid_hangup_s: hangup, ..Retry::default() };
        open(Streamtype { retry: Some(Arc::new(retry)), protocol, ..http("GET") }).validity
    };
    let seconds = Duration::from_secs;
    let both = pool::Validity { ping: Some(seconds(3)), hangup: seconds(9) };
    for protocol in [Protocol::Ws, Protocol::H2, Protocol::Mqtt] {
        assert_eq!(with(protocol, 3, 9), Some(both));
    }
    assert_eq!(with(Protocol::Ws, 0, 9), Some(pool::Validity { ping: None, ..both }));
    assert_eq!(with(Protocol::Ws, 9, 9), Some(pool::Validity { ping: None, ..both }));
    assert_eq!(with(Protocol::Ws, 3, 0), None);
    assert_eq!((with(Protocol::H1, 3, 9), with(Protocol::Raw, 3, 9)), (None, None));
    assert_eq!(open(Streamtype { retry: None, ..ws() }).validity, None);
}

// Covers SS-019, SS-248
#[test]
fn attributes_and_capacity_are_those_of_the_streamtype() {
    let streamtype = Streamtype {
        attr_priority: 5,
        attr_low_latency: true,
        attr_low_cost: true,
        tx_max: Some(9),
        ..ws()
    };
    let open = open(streamtype);
    assert_eq!((open.attributes.priority, open.attributes.tos), (5, 0x12));
    assert_eq!(open.tx_max, 1024, "never less");
}

// Covers SS-536
#[test]
fn h3_parses_and_cannot_be_reached() {
    assert_eq!(
        fault(created(Streamtype { protocol: Protocol::H3, ..http("GET") })),
        Fault::Unsupported
    );
}

// Covers SS-202
#[test]
fn what_this_version_cannot_do_is_said_at_creation() {
    let needed = Inert { key: "perf".into(), needed: true };
    let harmless = Inert { key: "plugins".into(), needed: false };
    let create = |streamtype: Streamtype| {
        let (policy, info) = (Arc::new(Policy::default()), Info::default());
        Stream::new(Default::default(), &policy, &Arc::new(streamtype), &info).err()
    };
    let unsupported = |key: &str| Some(CreateError::Unsupported(key.into()));
    assert_eq!(
        create(Streamtype { inert: vec![harmless.clone(), needed], ..ws() }),
        unsupported("perf")
    );
    assert_eq!(create(Streamtype { inert: vec![harmless], ..ws() }), None);
    assert_eq!(create(Streamtype { local_sink: true, ..ws() }), unsupported("local_sink"));
}

// Covers SS-211, SS-224, SS-515
#[test]
fn the_payload_format_and_the_rideshare_are_told() {
    let stream = created(Streamtype { payload_fmt: Some("cbor".into()), ..ws() }).stream;
    assert_eq!((stream.payload_fmt(), stream.rideshare()), (Some("cbor"), "sensor"));
}

// Covers SS-424, SS-006
#[test]
fn a_changed_policy_is_seen_at_the_next_use_and_values_keep_their_names() {
    let mut old = http("GET");
    old.metadata = vec![("a".into(), "x-a".into()), ("b".into(), "x-b".into())];
    let mut new =
        Streamtype { endpoint: Some("new.example".into()), retry: scheme(0), ..old.clone() };
    new.metadata = vec![("b".into(), "x-b".into())];
    let mut script = created(old);
    script.stream.set_metadata("a", b"1").unwrap();
    script.stream.set_metadata("b", b"2").unwrap();
    script.stream.set_policy(&Arc::new(Policy::default()), &Arc::new(new));
    script.connect();
    assert_eq!(script.opens[0].route.target.host, "new.example");
    assert_eq!(script.request().headers["x-b"], "2");
    assert_eq!(script.stream.metadata("a"), None);
    assert_eq!(script.stream.state(), State::Connecting);
    script.stream.set_policy(&Arc::new(Policy::default()), &Arc::new(streamtype(Protocol::Ws)));
    assert_eq!(script.run(), "abort UNREACHABLE");
}
