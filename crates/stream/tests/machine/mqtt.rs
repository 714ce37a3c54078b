//! Section 6.8: members of an MQTT connection.

use crate::script::{RESET, Script, connected, created, streamtype};
use mainstay_base::{Outcome, Peer, Policy, Reason};
use mainstay_policy::{Protocol, State, Streamtype};
use mainstay_pool as pool;
use mainstay_stream::{Blobs, Flags, Misuse};

const WHOLE: Flags = Flags::EOM;

fn publisher() -> Streamtype {
    let mut streamtype = streamtype(Protocol::Mqtt);
    streamtype.metadata = vec![("id".into(), String::new())];
    streamtype.mqtt.topic = Some("things/${id}/up".into());
    streamtype.mqtt.qos = 1;
    streamtype
}

fn member(script: &Script) -> &pool::MqttOpen {
    match &script.opens.last().unwrap().protocol {
        pool::Protocol::Mqtt(member) => member,
        other => panic!("{other:?}"),
    }
}

// Covers SS-560, SS-563, SS-450
#[test]
fn the_member_brings_connect_will_subscription_and_birth_expanded() {
    let mut streamtype = publisher();
    let mqtt = &mut streamtype.mqtt;
    mqtt.subscribe = Some("things/${id}/down".into());
    mqtt.keep_alive_s = 60;
    mqtt.clean_start = true;
    mqtt.will_topic = Some("gone/${id}".into());
    mqtt.will_message = Some("bye ${id}".into());
    mqtt.will_qos = 1;
    mqtt.birth_topic = Some("born/${id}".into());
    mqtt.birth_message = Some("hi ${id}".into());
    mqtt.birth_retain = true;
    let blobs = Blobs {
        mqtt_client_id: Some("device-9".into()),
        mqtt_username: Some("user".into()),
        mqtt_password: Some(b"pass".as_slice().into()),
        ..Blobs::default()
    };
    let mut script = Script::with(Default::default(), streamtype, blobs);
    script.run();
    script.stream.set_metadata("id", b"9").unwrap();
    script.connect();
    let pool::MqttOpen { connect, subscribe, birth } = member(&script).clone();
    assert_eq!(
        (connect.client_id.as_str(), connect.keep_alive_s, connect.clean),
        ("device-9", 60, true)
    );
    assert_eq!(connect.username.as_deref(), Some("user"));
    assert_eq!(connect.password.as_deref(), Some(&b"pass"[..]));
    let will = connect.will.unwrap();
    assert_eq!(
        (will.topic.as_str(), will.message.as_slice(), will.qos),
        ("gone/9", &b"bye 9"[..], 1)
    );
    assert_eq!(subscribe, Some(("things/9/down".into(), 1)));
    let birth = birth.unwrap();
    assert_eq!(
        (birth.topic.as_str(), birth.message.as_slice(), birth.retain),
        ("born/9", &b"hi 9"[..], true)
    );
}

// Covers SS-563
#[test]
fn an_empty_subscription_is_none_and_a_topic_earns_one_tx_opportunity() {
    let mut streamtype = publisher();
    streamtype.mqtt.subscribe = Some("${id}".into());
    let mut script = created(streamtype);
    script.connect();
    assert_eq!(member(&script).subscribe, None);
    assert_eq!(script.opened(), "CONNECTED want");
    assert_eq!(script.event(pool::Event::Writable), "tx0");
    let mut script = created(Streamtype { protocol: Protocol::Mqtt, ..streamtype_without_topic() });
    script.connect();
    assert_eq!(script.opened(), "CONNECTED");
    assert_eq!(script.stream.send(script.now, b"x", WHOLE).err(), Some(Misuse::Unsupported));
}

fn streamtype_without_topic() -> Streamtype {
    streamtype(Protocol::Mqtt)
}

// Covers SS-450, SS-437
#[test]
fn the_topic_is_expanded_for_each_publish() {
    let mut script = connected(publisher());
    for id in ["a", "b"] {
        script.stream.set_metadata("id", id.as_bytes()).unwrap();
        let (_, chunk) = script.stream.send(script.now, b"x", WHOLE).unwrap();
        let publish = chunk.publish.unwrap();
        assert_eq!(
            (publish.topic, publish.qos, publish.retain),
            (format!("things/{id}/up").as_str(), 1, false)
        );
    }
}

// Covers SS-564, SS-215
#[test]
fn a_message_in_several_chunks_needs_its_length() {
    let mut script = connected(publisher());
    let now = script.now;
    assert_eq!(script.stream.send(now, b"ab", Flags::SOM).err(), Some(Misuse::Framing));
    script.stream.request_tx_len(now, 4);
    let (first, chunk) = script.stream.send(now, b"ab", Flags::SOM).unwrap();
    assert_eq!((chunk.total, chunk.start, chunk.end), (Some(4), true, false));
    assert_eq!(script.stream.send(now, b"cde", Flags::EOM).err(), Some(Misuse::Framing));
    let (second, chunk) = script.stream.send(now, b"cd", Flags::EOM).unwrap();
    assert_eq!((second, chunk.total, chunk.end), (first, Some(4), true));
    let (_, chunk) = script.stream.send(now, b"other", WHOLE).unwrap();
    assert_eq!(chunk.total, None, "one announcement per message");
}

// Covers SS-565, SS-567, SS-568, SS-940
#[test]
fn several_publishes_fly_and_each_gets_its_own_result_with_its_ordinal() {
    let mut script = connected(publisher());
    for _ in 0..3 {
        script.request_tx();
        script.event(pool::Event::Writable);
        script.send(b"x", WHOLE);
    }
    let acked = |tag| pool::Event::Outcome(tag, Outcome::Acknowledged);
    assert_eq!(script.event(acked(2)), "acked2 QOS_ACK_REMOTE");
    assert_eq!(script.event(acked(0)), "acked0 QOS_ACK_REMOTE");
    assert_eq!(script.event(acked(0)), "", "once");
    let gone = Outcome::Refused(Reason::Peer(Peer::Unacknowledged));
    assert_eq!(script.event(pool::Event::Outcome(1, gone)), "refused1 QOS_NACK_REMOTE");
    let ordinals: Vec<_> =
        script.details.iter().map(|&(state, ordinal, _)| (state, ordinal)).collect();
    assert_eq!(
        ordinals,
        [(State::QosAckRemote, 2), (State::QosNackRemote, 1)],
        "and 0 for message 0"
    );
}

// Covers SS-565
#[test]
fn qos_0_is_acknowledged_by_the_socket_in_words_and_sent_in_truth() {
    let mut script = connected(publisher());
    script.send(b"x", WHOLE);
    let sent = pool::Event::Outcome(0, Outcome::Sent);
    assert_eq!(script.event(sent), "sent0 QOS_ACK_REMOTE");
}

// Covers SS-572
#[test]
fn a_lost_connection_leaves_publishes_unknown_and_gives_no_qos() {
    let mut script = connected(publisher());
    script.send(b"x", WHOLE);
    script.send(b"y", WHOLE);
    script.event(pool::Event::Outcome(0, Outcome::Acknowledged));
    assert_eq!(script.closed(RESET), "unknown1 DISCONNECTED");
}

// Covers SS-569
#[test]
fn a_received_message_shows_its_topic() {
    let mut script = connected(publisher());
    for topic in ["a/b", "c"] {
        let payload = pool::Payload {
            bytes: b"x",
            start: true,
            end: true,
            binary: false,
            topic: Some(topic),
        };
        let flags = script.stream.handle_payload(script.now, &payload);
        assert_eq!(flags, Some(Flags::SOM | Flags::EOM));
        assert_eq!(script.stream.topic(), Some(topic));
    }
}

// Covers SS-573
#[test]
fn topics_have_a_longest_length() {
    for (aws, max) in [(false, 65_535), (true, 256)] {
        let mut streamtype = publisher();
        streamtype.mqtt.topic = Some("${id}".into());
        streamtype.mqtt.aws_iot = aws;
        let mut script = connected(streamtype);
        script.stream.set_metadata("id", &vec![b't'; max]).unwrap();
        assert!(script.stream.send(script.now, b"", WHOLE).is_ok());
        script.stream.set_metadata("id", &vec![b't'; max + 1]).unwrap();
        let misuse = script.stream.send(script.now, b"", WHOLE).err();
        assert_eq!(misuse, Some(Misuse::Policy(Policy::Invalid)));
    }
}

// Covers SS-221
#[test]
fn an_mqtt_ack_ends_the_applications_timer() {
    let mut script = connected(publisher());
    script.send(b"x", WHOLE);
    script.stream.start_timeout(script.now, 50);
    script.event(pool::Event::Outcome(0, Outcome::Acknowledged));
    assert_eq!(script.deadline(), None);
}

// Covers SS-571, SS-121
#[test]
fn closing_a_member_is_orderly() {
    let mut script = connected(publisher());
    script.stream.close(script.now);
    assert_eq!(script.run(), "finish");
    assert_eq!(script.closed(RESET), "DISCONNECTED");
}
