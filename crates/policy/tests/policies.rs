//! Policies as devices in the field have them.
#![expect(clippy::panic, reason = "tests")]

use mainstay_policy::{Code, Parsed, Policy, Protocol, schema};

fn load(text: &str) -> Parsed {
    let parsed = Policy::parse(text, "p").unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(parsed.warnings, []);
    parsed
}

fn inert(parsed: &Parsed, streamtype: &str) -> Vec<(String, bool)> {
    let list = &parsed.policy.streamtypes[streamtype].inert;
    list.iter().map(|i| (i.key.clone(), i.needed)).collect()
}

// Covers SS-422
#[test]
fn a_gateway_policy_loads_and_means_what_it_says() {
    let parsed = load(include_str!("policies/gateway.json"));
    let policy = &parsed.policy;
    assert_eq!(policy.streamtypes.len(), 4);
    assert_eq!(policy.trust_stores["vendor"], ["vendor_root", "vendor_next"]);
    let readings = &policy.streamtypes["readings"];
    assert_eq!(readings.endpoint.as_deref(), Some("${region}.ingest.example"));
    assert_eq!(readings.http.resp_map, [(530, 1530), (531, 1531)]);
    assert_eq!(readings.metadata.len(), 3);
    assert_eq!(readings.retry.as_ref().unwrap().backoff_ms, [500, 1000]);
    assert_eq!(inert(&parsed, "readings"), [("urgent_tx".into(), false)]);
    let events = &policy.streamtypes["events"];
    assert!(events.nailed_up && events.ws.binary && events.protocol == Protocol::Ws);
    assert_eq!(inert(&parsed, "captive_portal_detect"), []);
    assert!(parsed.notes.iter().all(|n| n.code == Code::Inert));
}

#[test]
fn an_mqtt_policy_loads_and_means_what_it_says() {
    let parsed = load(include_str!("policies/mqtt.json"));
    let meter = &parsed.policy.streamtypes["meter"];
    let mqtt = &meter.mqtt;
    assert_eq!(mqtt.subscribe.as_deref(), Some("meters/${id}/command/#"));
    assert_eq!((mqtt.qos, mqtt.will_qos, mqtt.birth_qos, mqtt.keep_alive_s), (1, 1, 1, 60));
    assert!(mqtt.clean_start && mqtt.will_retain && mqtt.birth_retain && !mqtt.retain);
    assert_eq!(inert(&parsed, "meter"), [("swake_validity".into(), false)]);
}

#[test]
fn what_this_version_cannot_do_is_named_key_by_key() {
    let parsed = load(include_str!("policies/server.json"));
    let page = &parsed.policy.streamtypes["page"];
    let options = [("pipe".to_owned(), "on".to_owned()), ("depth".to_owned(), "4".to_owned())];
    assert_eq!(page.server.options, options);
    assert!(inert(&parsed, "page").contains(&("server".into(), true)));
    assert_eq!(inert(&parsed, "sink"), [("local_sink".into(), true)]);

    let parsed = load(include_str!("policies/assistant.json"));
    let needed = |name: &str| {
        let list = inert(&parsed, name).into_iter().filter(|(_, needed)| *needed);
        list.map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(
        needed("directives"),
        ["long_poll", "use_auth", "http_multipart_ss_in", "rideshare"]
    );
    assert_eq!(needed("speech"), ["http_multipart_name", "http_mime_content_type", "use_auth"]);
    assert_eq!(needed("token"), [""; 0]);
    let long_poll = parsed.notes.iter().find(|n| n.key == "long_poll").unwrap();
    assert_eq!((long_poll.code, long_poll.line), (Code::Inert, 14));
    assert!(parsed.notes.iter().any(|n| n.key == "auth" && n.line == 6));
}

#[test]
fn the_policies_satisfy_the_schema() {
    let validator = jsonschema::draft202012::new(&schema()).unwrap();
    for text in [
        include_str!("policies/gateway.json"),
        include_str!("policies/mqtt.json"),
        include_str!("policies/server.json"),
        include_str!("policies/assistant.json"),
    ] {
        let plain: String = text.lines().map(|l| l.find("# ").map_or(l, |at| &l[..at])).collect();
        let document = serde_json::from_str(&plain).unwrap();
        let errors: Vec<_> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0]);
    }
}
