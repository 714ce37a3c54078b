//! Overlays, failed parses and what a replacement leaves alone.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use mainstay_policy::{Code, Document, Parsed, Policy, changed};

const BASE: &str = r#"{
  "product": "p", "via-socks5": "proxy:1080",
  "retry": [{ "r": { "conceal": 5, "backoff": [1, 2] } }],
  "certs": [{ "c": "AAAA", "d": "AAAB" }],
  "trust_stores": [{ "name": "t", "stack": ["c"] }],
  "s": [
    { "x": { "endpoint": "h", "protocol": "raw", "port": 1, "tls": true, "retry": "r",
             "opportunistic": true, "tls_trust_store": "t",
             "metadata": [{ "a": "one" }, { "b": "two" }] } },
    { "y": { "endpoint": "g", "protocol": "raw", "port": 2 } }
  ]
}"#;

fn base() -> Parsed {
    Policy::parse(BASE, "base.json").unwrap()
}

fn over(text: &str) -> Policy {
    let parsed = base().document.overlay(text, "over.json").unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(parsed.warnings, []);
    parsed.policy
}

// Covers SS-424, SS-426, SS-907
#[test]
fn an_overlay_sets_any_key_deletes_with_null_and_adds_streamtypes() {
    let policy = over(
        r#"{ "s": [{ "x": { "tls": false, "port": 9, "retry": null, "tls_trust_store": null } },
                   { "z": { "alias_of": "x", "port": 10 } }] }"#,
    );
    let x = &policy.streamtypes["x"];
    assert_eq!(
        (x.tls, x.port, x.retry.as_ref(), x.tls_trust_store.as_ref()),
        (false, 9, None, None)
    );
    assert_eq!((x.endpoint.as_deref(), x.opportunistic), (Some("h"), true));
    assert_eq!(*policy.streamtypes["y"], *base().policy.streamtypes["y"]);
    let z = &policy.streamtypes["z"];
    assert_eq!((z.port, z.endpoint.as_deref(), z.tls), (10, Some("h"), false));

    let gone =
        over(r#"{ "s": [{ "y": null }, { "x": { "metadata": null } }, { "never": null }] }"#);
    assert_eq!(gone.streamtypes.keys().collect::<Vec<_>>(), ["x"]);
    assert_eq!(gone.streamtypes["x"].metadata, []);
}

// Covers SS-426, SS-907
#[test]
fn metadata_is_replaced_added_and_removed_one_by_one() {
    let policy =
        over(r#"{"s":[{"x":{"metadata":[{"a":"new"},{"b":null,"c":"three"},{"q":null}]}}]}"#);
    let metadata = &policy.streamtypes["x"].metadata;
    assert_eq!(metadata[..], [("a".into(), "new".into()), ("c".into(), "three".into())]);
}

// Covers SS-426
#[test]
fn the_rest_of_a_document_can_be_overlaid_too() {
    let policy = over(
        r#"{ "product": "q", "via-socks5": null, "release": null,
             "retry": [{ "r": { "conceal": 6 } }, { "n": { "backoff": [7] } }],
             "certs": [{ "c": "AAAC" }], "trust_stores": [{ "t": ["d", "c"] }] }"#,
    );
    assert_eq!((policy.product.as_deref(), policy.via_socks5.as_ref()), (Some("q"), None));
    assert_eq!((policy.retry["r"].conceal, &policy.retry["r"].backoff_ms[..]), (6, &[1, 2][..]));
    assert_eq!(policy.retry["n"].backoff_ms, [7]);
    assert_eq!(policy.streamtypes["x"].retry.as_ref().unwrap().conceal, 6);
    assert_eq!(&*policy.certs["c"], &[0, 0, 2]);
    assert_eq!(policy.trust_stores["t"], ["d", "c"]);
}

// Covers SS-426, SS-905
#[test]
fn faults_name_the_file_they_stand_in() {
    let faults = base().document.overlay("{\n\"s\":[{\"x\":{\"port\":70000}}]}", "over.json");
    assert_eq!(
        faults.unwrap_err().to_string(),
        "over.json:2:19: port: out of range; 70000 is not between 0 and 65535"
    );
    let faults = base().document.overlay("{\"retry\":[{\"r\":null}]}", "over.json").unwrap_err();
    let [fault] = &faults.iter().collect::<Vec<_>>()[..] else { panic!("{faults}") };
    assert_eq!(
        (fault.origin.as_str(), fault.code, fault.line),
        ("base.json", Code::UnknownName, 7)
    );
    assert_eq!(fault.path, "s[0].x.retry");
}

// Covers SS-428, SS-906
#[test]
fn a_failed_overlay_leaves_the_document_usable_as_it_was() {
    let parsed = base();
    assert!(parsed.document.overlay("{\"s\":[{\"x\":{\"port\":true}}]}", "o").is_err());
    assert!(parsed.document.overlay("{\"s\":", "o").is_err());
    let again = parsed.document.overlay("{}", "o").unwrap();
    assert_eq!(again.policy, parsed.policy);
}

// Covers SS-973
#[test]
fn keys_only_we_know_can_stand_in_an_overlay_and_are_marked_there() {
    let text = r#"{"s":[
        {"x":{"nailed_up_repeat":true,"h3_fallback":true,"ws_over_h2":true,"auth_hexify":true,
              "ws_any_subprotocol":true,"server_upgrade_compat":true,"via-http-proxy":"h:1"}},
        {"y":{"alias_of":"x","ws_over_h2":null,"port":3}},
        {"z":{"mqtt_version":5,"mqtt_over_ws":true}}]}"#;
    let parsed = base().document.overlay(text, "over.json").unwrap_or_else(|f| panic!("{f}"));
    assert!(parsed.policy.streamtypes["x"].nailed_up_repeat);
    let ours: Vec<_> = parsed.notes.iter().filter(|n| n.code == Code::Ours).collect();
    assert_eq!(ours.len(), 10);
    assert!(ours.iter().all(|n| n.origin == "over.json"));
}

#[test]
fn overlays_lie_over_each_other() {
    let first = base().document.overlay(r#"{"s":[{"x":{"port":5}}]}"#, "1").unwrap();
    let second = first.document.overlay(r#"{"s":[{"x":{"tls":false}}]}"#, "2").unwrap();
    let x = &second.policy.streamtypes["x"];
    assert_eq!((x.port, x.tls), (5, false));
    let third = second.document.overlay(r#"{"s":[{"x":{"port":"no"}}]}"#, "3").unwrap_err();
    assert_eq!(third.iter().next().unwrap().origin, "3");
}

#[test]
fn the_number_of_overlays_is_bounded() {
    let mut document = Document::parse("{}", "base").unwrap().document;
    let mut count = 0;
    while let Ok(next) = document.overlay("{}", "o") {
        document = next.document;
        count += 1;
        assert!(count < 1000);
    }
    assert_eq!(count, 255);
}

// Covers SS-427, SS-906
#[test]
fn streamtypes_that_read_the_same_are_kept_and_the_others_are_named() {
    let old = base().policy;
    assert_eq!(changed(&old, &old), [""; 0]);
    let reformatted = Policy::parse(&BASE.replace("  ", " # \n"), "b").unwrap().policy;
    assert_eq!(changed(&old, &reformatted), [""; 0]);
    let names = |text: &str| changed(&old, &over(text));
    assert_eq!(names(r#"{"s":[{"x":{"port":7}}]}"#), ["x"]);
    assert_eq!(names(r#"{"s":[{"y":null},{"new":{}}]}"#), ["y"]);
    // What a streamtype names counts as part of it.
    assert_eq!(names(r#"{"retry":[{"r":{"conceal":6}}]}"#), ["x"]);
    assert_eq!(names(r#"{"certs":[{"c":"BBBB"}]}"#), ["x"]);
    assert_eq!(names(r#"{"certs":[{"d":"BBBB"}],"product":"other"}"#), [""; 0]);
    assert_eq!(names(r#"{"via-socks5":"other:1"}"#), ["x", "y"]);
}
