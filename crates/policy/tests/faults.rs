//! What a policy is refused or warned for, and where.
#![expect(clippy::panic, reason = "tests")]

use mainstay_policy::{Code, Fault, Parsed, Parser, Policy, is_document, limits};

fn faults(text: &str) -> Vec<Fault> {
    match Policy::parse(text, "p.json") {
        Ok(parsed) => panic!("accepted, warnings {:?}", parsed.warnings),
        Err(faults) => faults.iter().cloned().collect(),
    }
}

fn fault(text: &str) -> Fault {
    let mut all = faults(text);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn parsed(text: &str) -> Parsed {
    Policy::parse(text, "p.json").unwrap_or_else(|f| panic!("{f}"))
}

fn place(fault: &Fault) -> (Code, &str, usize, usize) {
    (fault.code, &fault.path, fault.line, fault.column)
}

#[test]
fn a_refused_policy_tells_its_unknown_keys_too() {
    let text = r#"{ "prodct": "x", "s": [{ "a": { "port": 70000, "endpont": "h" } }] }"#;
    let refused = Policy::parse(text, "p.json").unwrap_err();
    assert_eq!(refused.iter().map(|f| f.code).collect::<Vec<_>>(), [Code::OutOfRange]);
    let hints: Vec<&str> = refused.warnings().iter().map(|f| f.hint.as_str()).collect();
    assert_eq!(hints, ["did you mean `product`?", "did you mean `endpoint`?"]);
}

// Covers SS-400
#[test]
fn comments_end_with_their_line_and_a_hash_in_a_string_is_text() {
    let text = "# first \"\n{ # {\n \"product\": \"a#b\" # é, }\r\n} # end";
    assert_eq!(parsed(text).policy.product.as_deref(), Some("a#b"));
    let comment = fault("{ // no\n}");
    assert_eq!(place(&comment), (Code::Syntax, "", 1, 3));
    assert_eq!(comment.hint, "comments start with #");
}

// Covers SS-400, SS-244
#[test]
fn a_policy_may_come_in_chunks_of_any_size() {
    let text = "{ # ü\n \"product\": \"ü\" }";
    for size in 1..=text.len() {
        let mut parser = Parser::begin("p", None);
        assert!(text.as_bytes().chunks(size).all(|chunk| parser.feed(chunk)));
        assert_eq!(parser.finish().unwrap().policy.product.as_deref(), Some("ü"));
    }
    let base = parsed(text).document;
    let mut overlay = Parser::begin("o", Some(base));
    assert!(overlay.feed(b"{\"product\":\"x\"}"));
    assert_eq!(overlay.finish().unwrap().policy.product.as_deref(), Some("x"));
    let mut broken = Parser::begin("p", None);
    broken.feed(b"{ \"a\n\xff\" }");
    let faults = broken.finish().unwrap_err();
    assert_eq!(place(faults.iter().next().unwrap()), (Code::NotUtf8, "", 2, 1));
    Parser::begin("p", None).abandon();
}

// Covers SS-401
#[test]
fn a_source_that_starts_with_a_brace_is_a_document_and_else_a_path() {
    assert!(is_document("{\"s\":[]}"));
    assert!(!is_document("/etc/policy.json") && !is_document("") && !is_document(" {"));
}

#[test]
fn what_is_not_json_is_refused_where_it_breaks() {
    let bad = [
        ("", 1, 1),
        ("[]", 1, 1),
        ("{\"a\":1,}", 1, 7),
        ("{\"s\":[,]}", 1, 7),
        ("{\"s\":[\n{}]]}", 2, 4),
        ("{\"a\":1 \"b\":2}", 1, 7),
        ("{a:1}", 1, 2),
        ("{'a':1}", 1, 2),
        ("{\"a\":.5}", 1, 6),
        ("{\"a\":+5}", 1, 6),
        ("{\"a\":NaN}", 1, 6),
        ("{\"a\":0x5}", 1, 6),
        ("{}{}", 1, 3),
        ("{\n \"a\": \"b\n\"}", 2, 7),
        ("{\"a\": \"b", 1, 7),
        ("{\"a\": \"\t\"}", 1, 8),
        ("{\u{a0}}", 1, 2),
    ];
    for (text, line, column) in bad {
        let fault = fault(text);
        let at = (fault.code, fault.line, fault.column);
        assert_eq!(at, (Code::Syntax, line, column), "{text:?}: {fault}");
    }
}

// Covers SS-404, SS-905
#[test]
fn every_fault_is_reported_in_order_with_file_line_column_key_and_hint() {
    let text = "{\n \"s\": [\n  { \"a\": {\n    \"port\": \"x\",\n    \"retry\": \"defualt\" } }\n ],\n \"retry\": [{ \"default\": {} }]\n}";
    let all = faults(text);
    let lines: Vec<_> = all.iter().map(Fault::to_string).collect();
    assert_eq!(
        lines,
        [
            "p.json:4:13: port: wrong type; expected a number, found a string",
            "p.json:5:14: retry: no such name; `defualt` is not in `retry`; did you mean `default`?",
        ]
    );
    assert_eq!(all[1].path, "s[0].a.retry");
}

// Covers SS-404
#[test]
fn names_may_be_used_before_they_are_defined() {
    let text = r#"{"s":[{"a":{"retry":"r","tls_trust_store":"t","use_auth":"w"}},
        {"b":{"server":true,"server_cert":"c","server_key":"c"}}],
        "auth":[{"name":"w"}],"trust_stores":[{"stack":["c"],"name":"t"}],"certs":[{"c":"AAAA"}],
        "retry":[{"r":{}}]}"#;
    assert!(parsed(text).policy.streamtypes["a"].retry.is_some());
}

// Covers SS-405
#[test]
fn what_cannot_be_resolved_or_decoded_refuses_the_policy() {
    let at = |text: &str| {
        let fault = fault(text);
        (fault.code, fault.path.clone())
    };
    let of = |key: &str, value: &str| at(&format!("{{\"s\":[{{\"x\":{{\"{key}\":{value}}}}}]}}"));
    for key in ["retry", "tls_trust_store", "server_cert", "server_key", "use_auth"] {
        assert_eq!(of(key, "\"gone\""), (Code::UnknownName, format!("s[0].x.{key}")));
    }
    assert_eq!(of("protocol", "\"h9\""), (Code::UnknownWord, "s[0].x.protocol".into()));
    let nine = at(r#"{"retry":[{"r":{"backoff":[1,2,3,4,5,6,7,8,9]}}]}"#);
    assert_eq!(nine, (Code::TooMany, "retry[0].r.backoff[8]".into()));
    let stack = |names: &str| {
        format!(
            "{{\"certs\":[{{\"c\":\"AAAA\"}}],\"trust_stores\":[{{\"name\":\"t\",\"stack\":[{names}]}}]}}"
        )
    };
    parsed(&stack(&["\"c\""; 6].join(",")));
    let seven = at(&stack(&["\"c\""; 7].join(",")));
    assert_eq!(seven, (Code::TooMany, "trust_stores[0].stack[6]".into()));
    assert_eq!(at(&stack("")), (Code::Empty, "trust_stores[0].stack".into()));
    assert_eq!(at(&stack("\"d\"")), (Code::UnknownName, "trust_stores[0].stack[0]".into()));
    let pairs = |count: usize| {
        let pairs: Vec<_> = (0..count).map(|n| format!("{{\"{}\":1000}}", 400 + n)).collect();
        format!("[{}]", pairs.join(","))
    };
    let mapped = parsed(&format!("{{\"s\":[{{\"x\":{{\"http_resp_map\":{}}}}}]}}", pairs(16)));
    assert_eq!(mapped.policy.streamtypes["x"].http.resp_map.len(), 16);
    assert_eq!(of("http_resp_map", &pairs(17)).0, Code::TooMany);
    for bad in ["A", "AA!A", "AAAA\\n", "-----BEGIN-----"] {
        let text = format!("{{\"certs\":[{{\"c\":\"{bad}\"}}]}}");
        assert_eq!(at(&text), (Code::BadBase64, "certs[0].c".into()), "{bad}");
    }
    assert_eq!(at("{\"certs\":[{\"c\":\"\"}]}").0, Code::Empty);
}

// Covers SS-418, SS-419
#[test]
fn certificates_are_decoded_up_to_their_limit_and_stacked_by_name() {
    let text = r#"{"certs":[{"one":"MAA=","two":"MAAA"},{"three":"MAA"}],
        "trust_stores":[{"name":"t","stack":["two","one"]}]}"#;
    let policy = parsed(text).policy;
    assert_eq!(&*policy.certs["one"], b"0\0");
    assert_eq!(&*policy.certs["two"], b"0\0\0");
    assert_eq!(&*policy.certs["three"], b"0\0");
    assert_eq!(policy.trust_stores["t"], ["two", "one"]);
    let sized =
        |bytes: usize| format!("{{\"certs\":[{{\"c\":\"{}\"}}]}}", "AAAA".repeat(bytes / 3));
    assert_eq!(parsed(&sized(65535)).policy.certs["c"].len(), 65535);
    assert_eq!(fault(&sized(65538)).code, Code::TooLarge);
}

// Covers SS-406
#[test]
fn names_are_compared_whole() {
    let text = |store: &str, retry: &str| {
        format!(
            r#"{{"retry":[{{"default":{{}}}}],"certs":[{{"c":"AAAA"}}],
            "trust_stores":[{{"name":"ts2","stack":["c"]}}],
            "s":[{{"x":{{"tls_trust_store":"{store}","retry":"{retry}"}}}}]}}"#
        )
    };
    parsed(&text("ts2", "default"));
    for (store, retry) in
        [("ts", "default"), ("ts2", "def"), ("ts2", "default2"), ("TS2", "default")]
    {
        assert_eq!(fault(&text(store, retry)).code, Code::UnknownName, "{store} {retry}");
    }
}

// Covers SS-407, SS-411, SS-905
#[test]
fn unknown_keys_are_warned_of_at_every_level_with_a_hint_and_change_nothing() {
    let text = "{\"relase\":\"x\",\n\"retry\":[{\"r\":{\"backof\":[]}}],\n\"auth\":[{\"name\":\"a\",\"blobb\":1}],\n\"metrics\":[{\"name\":\"m\",\"reprot\":\"\"}],\n\"s\":[{\"x\":{\"endpoint\":\"h\",\n\"aux\":1,\"prot\":7,\n\"http_multipart_content_type\":\"t\",\n\"blob\":1,\n\"qqqqqq\":{\"port\":1},\"http_method\":\"GET\",\"port\":9}}]}";
    let parsed = parsed(text);
    let told: Vec<_> =
        parsed.warnings.iter().map(|w| (w.line, w.key.as_str(), w.hint.as_str())).collect();
    assert!(parsed.warnings.iter().all(|w| w.code == Code::UnknownKey));
    assert_eq!(
        told,
        [
            (1, "relase", "did you mean `release`?"),
            (2, "backof", "did you mean `backoff`?"),
            (3, "blobb", "did you mean `blob`?"),
            (4, "reprot", "did you mean `report`?"),
            (6, "aux", "lws describes it and never reads it"),
            (6, "prot", "did you mean `port`?"),
            (7, "http_multipart_content_type", "lws calls it `http_mime_content_type`"),
            (8, "blob", "this key does not belong in a streamtype"),
            (9, "qqqqqq", ""),
        ]
    );
    let x = &parsed.policy.streamtypes["x"];
    assert_eq!((x.port, x.http.mime_content_type.as_ref()), (9, None));
    assert_eq!(parsed.policy.streamtypes.len(), 1);
}

// Covers SS-411
#[test]
fn the_short_form_of_a_trust_store_and_auth_hexify_are_accepted() {
    let text = r#"{"certs":[{"c":"AAAA"}],"trust_stores":[{"a":["c"],"b":["c","c"]},{"name":["c"]}],
        "s":[{"x":{"auth_hexify":true,"tls_trust_store":"b"}}]}"#;
    let parsed = parsed(text);
    assert_eq!(parsed.policy.trust_stores["b"], ["c", "c"]);
    assert_eq!(parsed.policy.trust_stores["name"], ["c"]);
    assert!(parsed.policy.streamtypes["x"].http.auth_hexify);
    let missing = fault(r#"{"trust_stores":[{"name":"t"}]}"#);
    assert_eq!((missing.code, missing.key.as_str()), (Code::MissingKey, "stack"));
    let nameless = fault(r#"{"trust_stores":[{"stack":[]}]}"#);
    assert_eq!((nameless.code, nameless.key.as_str()), (Code::MissingKey, "name"));
}

// Covers SS-408, SS-905
#[test]
fn strings_are_whole_and_size_and_nesting_are_capped() {
    let long = "x".repeat(100_000);
    let text = format!("{{\"s\":[{{\"x\":{{\"payload_fmt\":\"{long}\"}}}}]}}");
    assert_eq!(parsed(&text).policy.streamtypes["x"].payload_fmt.as_ref(), Some(&long));

    let sized = |size: usize| format!("{{}}{}", " ".repeat(size - 2));
    parsed(&sized(limits::POLICY_MAX));
    assert_eq!(limits::POLICY_MAX, 262_144);
    assert_eq!(fault(&sized(limits::POLICY_MAX + 1)).code, Code::TooLarge);
    let mut parser = Parser::begin("p", None);
    assert!(parser.feed(sized(limits::POLICY_MAX).as_bytes()));
    assert!(!parser.feed("ü".as_bytes()));
    assert!(!parser.feed(&[b' '; 4096]));
    let faults = parser.finish().unwrap_err();
    assert_eq!(faults.iter().next().unwrap().code, Code::TooLarge);

    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 4), "]".repeat(depth - 4));
        format!("{{\"s\":[{{\"x\":{{\"plugins\":{open}{close}}}}}]}}")
    };
    parsed(&nested(16));
    let deep = fault(&nested(17));
    assert_eq!((deep.code, deep.line, deep.column), (Code::TooDeep, 1, 35));
    assert_eq!(fault(&"[".repeat(200_000)).code, Code::TooDeep);
}

// Covers SS-409
#[test]
fn a_policy_of_a_newer_schema_is_refused() {
    assert_eq!(parsed(r#"{"schema-version":1}"#).policy.schema_version, Some(1));
    assert_eq!(parsed(r#"{"schema-version":0}"#).policy.schema_version, Some(0));
    let newer = fault(r#"{"schema-version":2}"#);
    assert_eq!(place(&newer), (Code::SchemaTooNew, "schema-version", 1, 19));
}

// Covers SS-410
#[test]
fn of_a_streamtype_defined_twice_the_later_one_wins_and_the_earlier_is_warned_of() {
    let text = "{\"s\":[{\"x\":{\"port\":1,\"tls\":true}},\n{\"x\":{\"port\":2}}],\n\"s\":[{\"y\":{\"port\":3,\"port\":4}}]}";
    let parsed = parsed(text);
    let x = &parsed.policy.streamtypes["x"];
    assert_eq!((x.port, x.tls), (2, false));
    assert_eq!(parsed.policy.streamtypes["y"].port, 4);
    let told: Vec<_> = parsed.warnings.iter().map(|w| (w.code, w.line, w.path.as_str())).collect();
    assert_eq!(
        told,
        [
            (Code::Duplicate, 1, "s[0].x"),
            (Code::Duplicate, 3, "s"),
            (Code::Duplicate, 3, "s[0].y.port"),
        ]
    );
}

// Covers SS-412
#[test]
fn keys_of_exclusive_groups_are_refused_together() {
    let of = |keys: &str| {
        format!(
            "{{\"certs\":[{{\"c\":\"AAAA\"}}],\"trust_stores\":[{{\"t\":[\"c\"]}}],\"s\":[{{\"x\":{{{keys}}}}}]}}"
        )
    };
    for (keys, late) in [
        (r#""http_url":"a","mqtt_topic":"t""#, "mqtt_topic"),
        (r#""mqtt_qos":1,"port":1,"ws_binary":true"#, "ws_binary"),
        (r#""tls_trust_store":"t","server_cert":"c""#, "server_cert"),
        (r#""server_key":"c","tls_trust_store":"t""#, "tls_trust_store"),
    ] {
        let fault = fault(&of(keys));
        assert_eq!((fault.code, fault.key.as_str()), (Code::Exclusive, late), "{keys}");
    }
    parsed(&of(r#""protocol":"mqtt","mqtt_topic":"t","nghttp2_quirk_end_stream":true"#));
    parsed(&of(r#""http_url":"a","ws_binary":true"#));
}

// Covers SS-433
#[test]
fn metadata_names_and_mappings_must_be_usable() {
    let of = |pairs: &str| format!("{{\"s\":[{{\"x\":{{\"metadata\":[{{{pairs}}}]}}}}]}}");
    for bad in
        [r#""":"h""#, r#""a}b":"h""#, r#""a|b":"h""#, r#""a":"two words""#, r#""a":"x\r\ny""#]
    {
        assert_eq!(fault(&of(bad)).code, Code::BadName, "{bad}");
    }
    let name = |len: usize| parsed(&of(&format!("\"{}\":\"\"", "n".repeat(len)))).warnings;
    assert_eq!(name(30), []);
    assert_eq!(name(31)[0].code, Code::BadName);
    let twice = parsed(&of(r#""a":"x","b":"y","a":"z""#));
    assert_eq!(twice.warnings[0].code, Code::Duplicate);
    let got = &twice.policy.streamtypes["x"].metadata;
    assert_eq!(got[..], [("a".into(), "z".into()), ("b".into(), "y".into())]);
}

// Covers SS-450, SS-403
#[test]
fn a_substitution_of_undeclared_metadata_is_warned_of_at_its_place() {
    for key in [
        "endpoint",
        "mqtt_topic",
        "mqtt_subscribe",
        "mqtt_will_topic",
        "mqtt_will_message",
        "mqtt_birth_topic",
        "mqtt_birth_message",
    ] {
        let text = |value: &str| {
            format!(
                "{{\"s\":[{{\"x\":{{\"protocol\":\"mqtt\",\n\"{key}\":\"{value}\",\"metadata\":[{{\"id\":\"\"}}]}}}}]}}"
            )
        };
        assert_eq!(parsed(&text("a/${id}/$${other}/$x")).warnings, [], "{key}");
        let parsed = parsed(&text("${id}/${di}"));
        let [warning] = &parsed.warnings[..] else { panic!("{:?}", parsed.warnings) };
        let path = format!("s[0].x.{key}");
        assert_eq!(place(warning), (Code::Undeclared, path.as_str(), 2, key.len() + 4));
        assert!(warning.hint.ends_with("did you mean `id`?"), "{}", warning.hint);
        assert_eq!(fault(&text("${id")).code, Code::BadTemplate);
    }
    let plain = "{\"s\":[{\"x\":{\"payload_fmt\":\"${no}\"}}]}";
    assert_eq!(parsed(plain).warnings, []);
}

// Covers SS-403
#[test]
fn a_rideshare_target_that_does_not_exist_is_only_warned_of() {
    let text = r#"{"auth":[{"name":"w","streamtype":"tokn"}],"s":[{"x":{"rideshare":"yy"}},{"y":{}},{"token":{}}]}"#;
    let parsed = parsed(text);
    let told: Vec<_> = parsed.warnings.iter().map(|w| (w.code, w.path.as_str())).collect();
    let late = Code::UnknownName;
    assert_eq!(told, [(late, "auth[0].streamtype"), (late, "s[0].x.rideshare")]);
    assert_eq!(parsed.policy.streamtypes["x"].rideshare.as_deref(), Some("yy"));
}

// Covers SS-431
#[test]
fn an_alias_inherits_every_key_and_its_own_keys_override() {
    let text = r#"{"retry":[{"r":{"conceal":7}}],"s":[
        {"base":{"endpoint":"h","port":1,"protocol":"raw","tls":true,"retry":"r","metadata":[{"a":"b"}]}},
        {"one":{"alias_of":"base","port":2}},
        {"two":{"alias_of":"one","tls":false,"endpoint":"g"}}]}"#;
    let parsed = parsed(text);
    assert_eq!(parsed.warnings, []);
    let (one, two) = (&parsed.policy.streamtypes["one"], &parsed.policy.streamtypes["two"]);
    assert_eq!((one.name.as_str(), one.endpoint.as_deref(), one.port), ("one", Some("h"), 2));
    assert_eq!((one.tls, one.retry.as_ref().unwrap().conceal), (true, 7));
    assert_eq!((two.port, two.tls, two.endpoint.as_deref()), (2, false, Some("g")));
    assert_eq!(two.metadata, [("a".into(), "b".into())]);
    for bad in [r#"{"s":[{"a":{"alias_of":"b"}},{"b":{}}]}"#, r#"{"s":[{"a":{"alias_of":"a"}}]}"#] {
        let fault = fault(bad);
        assert_eq!((fault.code, fault.path.as_str()), (Code::UnknownName, "s[0].a.alias_of"));
    }
}

#[test]
fn a_fault_that_is_inherited_is_reported_once() {
    let text = r#"{"s":[{"a":{"port":"x"}},{"b":{"alias_of":"a"}},{"c":{"alias_of":"b"}}]}"#;
    assert_eq!(fault(text).path, "s[0].a.port");
}

#[test]
fn aliases_cannot_unfold_into_much_memory() {
    let long = "x".repeat(100_000);
    let aliases: Vec<_> =
        (0..100).map(|n| format!("{{\"a{n}\":{{\"alias_of\":\"b\"}}}}")).collect();
    let text =
        format!("{{\"s\":[{{\"b\":{{\"payload_fmt\":\"{long}\"}}}},{}]}}", aliases.join(","));
    assert!(faults(&text).iter().all(|f| f.code == Code::TooLarge));
}

// Covers SS-438
#[test]
fn a_tls_server_needs_both_its_certificate_and_its_key() {
    let text = |keys: &str| {
        format!("{{\"certs\":[{{\"c\":\"AAAA\"}}],\"s\":[{{\"x\":{{\"server\":true,{keys}}}}}]}}")
    };
    parsed(&text(r#""tls":true,"server_cert":"c","server_key":"c""#));
    parsed(&text(r#""tls":false"#));
    let half = fault(&text(r#""tls":true,"server_cert":"c""#));
    assert_eq!(half.code, Code::MissingKey);
    assert!(half.hint.contains("server_key"));
}

// Covers SS-435
#[test]
fn a_missing_or_idle_method_is_warned_of() {
    let of = |keys: &str| {
        parsed(&format!("{{\"s\":[{{\"x\":{{\"endpoint\":\"h\",{keys}}}}}]}}")).warnings
    };
    assert_eq!(of(r#""protocol":"h2""#)[0].code, Code::MissingKey);
    assert_eq!(of(r#""protocol":"h2","http_method":"GET""#), []);
    assert_eq!(of(r#""protocol":"raw""#), []);
    assert_eq!(of(r#""protocol":"ws""#), []);
    assert_eq!(of(r#""protocol":"ws","http_method":"GET""#)[0].code, Code::NoEffect);
}

// Covers SS-972
#[test]
fn what_lws_lets_pass_loads_with_a_warning_or_is_named() {
    let text = "{\"s\":[{\"x\":{\"protocol\":\"mqtt\",\n\"mqtt_will_retain\":1,\"mqtt_retain\":true}},\n # end\n],\"retry\":[{\"a\":{\"backoff\":[1,],}}]}";
    let comma = fault(text);
    assert_eq!((comma.code, comma.line, comma.column), (Code::Syntax, 4, 32), "{comma}");
    let parsed = parsed(&text.replace(",}", "}"));
    let told: Vec<_> = parsed.warnings.iter().map(|w| (w.code, w.line, w.column)).collect();
    let (syntax, wrong) = (Code::Syntax, Code::WrongType);
    assert_eq!(told, [(wrong, 2, 20), (syntax, 2, 42), (syntax, 4, 30)]);
    let mqtt = &parsed.policy.streamtypes["x"].mqtt;
    assert!(!mqtt.will_retain && mqtt.retain);
    // An array that lws lets a brace close.
    let open = fault("{\n\"s\":[{\"x\":{}}\n}");
    assert_eq!((open.line, open.hint.as_str()), (3, "the `[` of line 2 is still open here"));
}

#[test]
fn null_deletes_only_in_an_overlay() {
    let fault = fault(r#"{"s":[{"x":{"port":null}}]}"#);
    assert_eq!((fault.code, fault.path.as_str()), (Code::WrongType, "s[0].x.port"));
}
