//! Specifications: JSON, rules, one line of text.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` reads better as an argument")]

use core::time::Duration;

use mainstay_layers::{
    BaseSpec, HttpConnectSpec, LayerSpec, MemSpec, OsTcpSpec, Proxy, Resolve, Socks5Spec,
    SpecFault, SpecFaultKind, StackSpec, Target, TlsSpec, Transport, TrustSpec, UnixSpec, stack,
};
use serde_json::{Value, json};

fn read(value: Value) -> Result<StackSpec, SpecFault> {
    StackSpec::from_json(&value)
}

/// The fault of a stack on `os-tcp` with these layers, as text.
fn fault(layers: Value) -> String {
    read(json!({ "base": { "use": "os-tcp" }, "layers": layers })).unwrap_err().to_string()
}

// Covers LAY-189, LAY-190, LAY-195
#[test]
fn both_forms_of_composition_give_the_same_stack() {
    let dynamic = read(json!({
        "base": { "use": "os-tcp" },
        "layers": [
            { "use": "http-connect", "proxy": "proxy.test:3128" },
            { "use": "socks5", "proxy": "[2001:db8::1]:1080", "optimistic": true },
            { "use": "tls", "alpn": ["h2"] },
        ],
    }));
    let mut socks = Socks5Spec::new(Proxy::new("2001:db8::1", 1080));
    socks.optimistic = true;
    let fixed = stack(OsTcpSpec::default())
        .layer(HttpConnectSpec::new(Proxy::new("proxy.test", 3128)))
        .layer(socks)
        .layer(TlsSpec { alpn: vec!["h2".to_owned()], ..TlsSpec::default() })
        .build();
    assert_eq!(dynamic, fixed);
}

// Covers LAY-191
#[test]
fn faults_are_told_with_their_path() {
    let kind = |value| read(value).unwrap_err();
    assert_eq!(kind(json!(7)).path, "$");
    assert_eq!(kind(json!({})).to_string(), "$.base: is missing");
    assert_eq!(kind(json!({ "base": {} })).to_string(), "$.base.use: is missing");
    let unknown = kind(json!({ "base": { "use": "serial" } }));
    assert_eq!((unknown.path.as_str(), unknown.kind), ("$.base.use", SpecFaultKind::UnknownName));
    let unknown = kind(json!({ "base": { "use": "os-tcp" }, "layer": [] }));
    assert_eq!((unknown.path.as_str(), unknown.kind), ("$.layer", SpecFaultKind::UnknownMember));
    assert_eq!(fault(json!({})), "$.layers: must be an array");
    assert_eq!(fault(json!(["tls"])), "$.layers[0]: must be an object");
    assert_eq!(
        fault(json!([{ "use": "socks4" }])),
        "$.layers[0].use: no base or layer has this name"
    );
    assert_eq!(
        fault(json!([{ "use": "tls", "sin": 1 }])),
        "$.layers[0].sin: no parameter has this name"
    );
    assert_eq!(
        fault(json!([{ "use": "tls" }, { "use": "tls", "sni": 1 }])),
        "$.layers[1].sni: must be true or false"
    );
    assert_eq!(fault(json!([{ "use": "socks5" }])), "$.layers[0].proxy: is missing");
    assert_eq!(
        fault(json!([{ "use": "tls", "min": "1.1" }])),
        "$.layers[0].min: must be 1.2 or 1.3"
    );
    assert_eq!(
        fault(json!([{ "use": "tls", "identity": { "cert": "c", "key": "k", "pass": "p" } }])),
        "$.layers[0].identity.pass: no parameter has this name"
    );
}

// Covers LAY-192
#[test]
fn layers_that_do_not_go_together_are_named() {
    let on_unix = |layer| {
        let base = json!({ "use": "unix", "path": "/run/x" });
        read(json!({ "base": base, "layers": [layer] })).map_err(|fault| fault.to_string())
    };
    assert!(on_unix(json!({ "use": "tls", "name": "x.test" })).is_ok());
    assert_eq!(
        on_unix(json!({ "use": "tls" })).unwrap_err(),
        "$.layers[0]: tls cannot stand on unix: tls needs an explicit name there"
    );
    assert_eq!(
        on_unix(json!({ "use": "socks5", "proxy": "a:1" })).unwrap_err(),
        "$.layers[0]: socks5 cannot stand on unix: a tunnel needs a port"
    );
    let (tls, named) = (json!({ "use": "tls" }), json!({ "use": "tls", "name": "p.test" }));
    let tunnel = json!({ "use": "http-connect", "proxy": "p.test:1" });
    let same =
        "$.layers[1]: tls cannot stand on tls: two tls layers must have different server names";
    assert_eq!(fault(json!([tls, tls])), same);
    assert_eq!(fault(json!([tls, tunnel, named])), same.replace("[1]", "[2]"));
    let third = json!({ "use": "tls", "name": "third.test" });
    assert_eq!(
        fault(json!([third, tls, named])),
        "$.layers[2]: tls cannot stand on tls: tls at most twice"
    );
    let ok = json!({ "base": { "use": "os-tcp" }, "layers": [tls, tunnel, tunnel, tls] });
    assert!(read(ok).is_ok());
    let many = vec![tunnel; 17];
    assert_eq!(fault(json!(many)), "$.layers: must be at most 16 layers");
}

// Covers LAY-200, LAY-201, LAY-202
#[test]
fn bases_take_their_parameters_and_defaults() {
    let base = |value: Value| read(json!({ "base": value })).map(|spec| spec.base);
    assert_eq!(base(json!({ "use": "os-tcp" })), Ok(OsTcpSpec::default().into()));
    let all = base(json!({
        "use": "os-tcp", "bind": "192.0.2.1", "interface": "eth0", "mark": 7, "reuse_port": true,
        "fast_open": true, "nodelay": false, "keepalive": { "idle": 1, "intvl": 2, "count": 3 },
        "user_timeout_ms": 4, "happy_eyeballs_ms": 5, "connect_ms": 6,
    }));
    let Ok(BaseSpec::OsTcp(spec)) = all else { panic!("{all:?}") };
    assert_eq!(spec.bind, Some("192.0.2.1:0".parse().unwrap()));
    assert_eq!((spec.interface.as_deref(), spec.mark), (Some("eth0"), Some(7)));
    assert!(spec.reuse_port && spec.fast_open && !spec.nodelay);
    assert_eq!(spec.keepalive.unwrap().count, 3);
    assert_eq!(spec.user_timeout, Some(Duration::from_millis(4)));
    assert_eq!(
        (spec.happy_eyeballs, spec.connect),
        (Duration::from_millis(5), Duration::from_millis(6))
    );
    let path = "@name".to_owned();
    assert_eq!(base(json!({ "use": "unix", "path": "@name" })), Ok(UnixSpec { path }.into()));
    assert!(base(json!({ "use": "unix" })).is_err());
    assert!(base(json!({ "use": "unix", "path": "x".repeat(108) })).is_err());
    assert_eq!(base(json!({ "use": "mem", "label": "a" })), Ok(MemSpec::new("a").into()));
    assert_eq!(MemSpec::new("a").ring, 65_536);
    assert!(base(json!({ "use": "mem" })).is_err());
    assert!(base(json!({ "use": "mem", "label": "a", "chunk": 0 })).is_err());
}

// Covers LAY-203, LAY-204, LAY-239
#[test]
fn tunnels_take_their_parameters_and_defaults() {
    let layer = |value: Value| {
        let spec = read(json!({ "base": { "use": "os-tcp" }, "layers": [value] }));
        spec.map(|spec| spec.layers[0].clone())
    };
    let plain = layer(json!({ "use": "http-connect", "proxy": "p.test:1" }));
    assert_eq!(plain, Ok(HttpConnectSpec::new(Proxy::new("p.test", 1)).into()));
    let all = layer(json!({
        "use": "http-connect", "proxy": "p.test:1", "user": "u", "password_ref": "r",
        "headers": { "A": "b" }, "user_agent": null, "resolve": "local", "digest": false,
        "negotiate_ms": 9,
    }));
    let Ok(LayerSpec::HttpConnect(spec)) = all else { panic!("{all:?}") };
    assert_eq!((spec.proxy.user.as_deref(), spec.user_agent), (Some("u"), None));
    assert_eq!(spec.proxy.password_ref.as_deref(), Some("r"));
    assert_eq!(
        (spec.proxy.resolve, spec.proxy.negotiate),
        (Resolve::Local, Duration::from_millis(9))
    );
    assert_eq!(spec.headers["A"], "b");
    let digest = layer(json!({ "use": "http-connect", "proxy": "p.test:1", "digest": true }));
    assert_eq!(digest.unwrap_err().kind, SpecFaultKind::Unsupported);
    let plain = layer(json!({ "use": "socks5", "proxy": "p.test:1" }));
    assert_eq!(plain, Ok(Socks5Spec::new(Proxy::new("p.test", 1)).into()));
    for other in ["bind", "udp"] {
        assert!(layer(json!({ "use": "socks5", "proxy": "p.test:1", other: true })).is_err());
    }
    assert!(layer(json!({ "use": "socks5", "proxy": "p.test:1", "password": "x" })).is_err());
}

// Covers LAY-205, LAY-250
#[test]
fn tls_takes_its_parameters_and_defaults() {
    let layer = |value: Value| {
        let spec = read(json!({ "base": { "use": "os-tcp" }, "layers": [value] }));
        spec.map(|spec| spec.layers[0].clone())
    };
    assert_eq!(layer(json!({ "use": "tls" })), Ok(TlsSpec::default().into()));
    let all = layer(json!({
        "use": "tls", "trust": "site", "pins": [format!("sha256/{}=", "A".repeat(43)), "leaf/AAAA"],
        "pin_mode": "pin-only", "name": "n.test", "sni": false, "identity": "me",
        "alpn": ["h2"], "require_alpn": true, "min": "1.3", "max": "1.3", "resume": false,
        "early_data": false, "allow_common_name": true, "leaf_anchor": false, "crl": "pem",
        "tolerate_truncation": true, "handshake_ms": 5,
    }));
    let Ok(LayerSpec::Tls(spec)) = all else { panic!("{all:?}") };
    assert_eq!((&spec.trust, spec.pins.len()), (&TrustSpec::Store("site".to_owned()), 2));
    assert!(!spec.sni && spec.require_alpn && !spec.resume && !spec.leaf_anchor);
    assert_eq!((spec.min, spec.handshake), (spec.max, Duration::from_millis(5)));
    let early = layer(json!({ "use": "tls", "early_data": true })).unwrap_err();
    assert_eq!(
        (early.path.as_str(), early.kind),
        ("$.layers[0].early_data", SpecFaultKind::Unsupported)
    );
    assert!(layer(json!({ "use": "tls", "min": "1.3", "max": "1.2" })).is_err());
    assert!(layer(json!({ "use": "tls", "pins": ["md5/x"] })).is_err());
    assert!(layer(json!({ "use": "tls", "dangerous_no_verification": true })).is_err());
}

// Covers LAY-197
#[test]
fn a_stack_is_one_line_and_its_json_reads_back_without_secrets() {
    let value = json!({
        "base": { "use": "os-tcp", "nodelay": false, "keepalive": { "idle": 1, "intvl": 2, "count": 3 } },
        "layers": [
            { "use": "http-connect", "proxy": "proxy:3128", "user": "u", "password_ref": "r",
              "user_agent": null, "headers": { "A": "b" } },
            { "use": "socks5", "proxy": "s:1", "resolve": "local", "negotiate_ms": 1 },
            { "use": "tls", "alpn": ["h2"], "pin_mode": "pin-only", "max": "1.2" },
        ],
    });
    let spec = read(value.clone()).unwrap();
    assert_eq!(spec.to_string(), "tls(h2)>socks5(s:1)>http-connect(proxy:3128)>os-tcp");
    assert_eq!(spec.to_json(), value);
    let proxy = Proxy::new("p", 1).with_credentials("u", "hidden");
    let secret = stack(OsTcpSpec::default()).layer(Socks5Spec::new(proxy)).build().unwrap();
    for text in [secret.to_string(), format!("{secret:?}"), secret.to_json().to_string()] {
        assert!(!text.contains("hidden"), "{text}");
    }
}

#[test]
fn the_base_connects_where_the_first_tunnel_is() {
    let target = Target::new("server.test", 443);
    let to = |host: &str, port| Transport::Tcp { host: host.to_owned(), port };
    assert_eq!(StackSpec::os_tcp().transport(&target), to("server.test", 443));
    let first = Socks5Spec::new(Proxy::new("first", 1));
    let tunnels =
        stack(OsTcpSpec::default()).layer(first).layer(Socks5Spec::new(Proxy::new("second", 2)));
    assert_eq!(tunnels.build().unwrap().transport(&target), to("first", 1));
    let unix = stack(UnixSpec { path: "/run/x".to_owned() }).build().unwrap();
    assert_eq!(unix.transport(&target), Transport::Unix("/run/x".to_owned()));
}
