//! Keys of a streamtype: MQTT (SS-437).

use super::Key;
use super::Slot::{BareFlag, Between, Flag, Text, U8, U16};
use crate::model::Streamtype;

// Deferred SS-941: MQTT 5 and MQTT over WebSocket parse, and such streams are refused at creation.

type K = Key<Streamtype>;

pub(super) static KEYS: &[K] = &[
    K::new("mqtt_topic", Text(|s| &mut s.mqtt.topic), "topic published to").template(),
    K::new("mqtt_subscribe", Text(|s| &mut s.mqtt.subscribe), "filter subscribed to").template(),
    K::new("mqtt_qos", U8(|s| &mut s.mqtt.qos, 2), "quality of service of both"),
    K::new("mqtt_retain", Flag(|s| &mut s.mqtt.retain), "retain flag of what is published"),
    K::new("mqtt_keep_alive", U16(|s| &mut s.mqtt.keep_alive_s), "keep-alive in seconds"),
    K::new("mqtt_clean_start", Flag(|s| &mut s.mqtt.clean_start), "clean session flag"),
    K::new("mqtt_will_topic", Text(|s| &mut s.mqtt.will_topic), "topic of the will").template(),
    K::new("mqtt_will_message", Text(|s| &mut s.mqtt.will_message), "payload of the will")
        .template(),
    K::new("mqtt_will_qos", U8(|s| &mut s.mqtt.will_qos, 2), "quality of service of the will"),
    K::new("mqtt_will_retain", Flag(|s| &mut s.mqtt.will_retain), "retain flag of the will"),
    K::new("mqtt_birth_topic", Text(|s| &mut s.mqtt.birth_topic), "topic of the birth message")
        .template(),
    K::new("mqtt_birth_message", Text(|s| &mut s.mqtt.birth_message), "its payload").template(),
    K::new("mqtt_birth_qos", U8(|s| &mut s.mqtt.birth_qos, 2), "its quality of service"),
    K::new("mqtt_birth_retain", Flag(|s| &mut s.mqtt.birth_retain), "its retain flag"),
    K::new("aws_iot", Flag(|s| &mut s.mqtt.aws_iot), "AWS IoT quirks").needed(),
    K::new("mqtt_version", Between(3, 5), "3 or 4: MQTT 3.1.1; 5: MQTT 5").ours().needed(),
    K::new("mqtt_over_ws", BareFlag, "MQTT inside WebSocket").ours().needed(),
];
