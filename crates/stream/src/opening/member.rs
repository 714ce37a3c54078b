//! What an mqtt stream brings to its connection: CONNECT, subscription, birth (SS-437, SS-560,
//! SS-563).

use super::Opener;
use crate::limits::CLIENT_ID_MAX;
use mainstay_base::{Policy, Rng};
use mainstay_mqtt::{Connect, Will};
use mainstay_pool::{Birth, MqttOpen};

pub(crate) fn build(opener: &Opener<'_>, rng: &mut Rng) -> Result<MqttOpen, Policy> {
    let mqtt = &opener.streamtype.mqtt;
    let subscribe = optional(opener, mqtt.subscribe.as_deref())?;
    let birth = match optional(opener, mqtt.birth_topic.as_deref())? {
        Some(topic) => Some(Birth {
            topic,
            message: opener.expand_bytes(mqtt.birth_message.as_deref().unwrap_or(""))?,
            qos: mqtt.birth_qos,
            retain: mqtt.birth_retain,
        }),
        None => None,
    };
    Ok(MqttOpen {
        connect: connect(opener, rng)?,
        subscribe: subscribe.map(|filter| (filter, mqtt.qos)),
        birth,
    })
}

fn connect(opener: &Opener<'_>, rng: &mut Rng) -> Result<Connect, Policy> {
    let (mqtt, blobs) = (&opener.streamtype.mqtt, opener.blobs);
    let will = match optional(opener, mqtt.will_topic.as_deref())? {
        Some(topic) => Some(Will {
            topic,
            message: opener.expand_bytes(mqtt.will_message.as_deref().unwrap_or(""))?,
            qos: mqtt.will_qos,
            retain: mqtt.will_retain,
        }),
        None => None,
    };
    let client_id = match &blobs.mqtt_client_id {
        Some(id) if id.len() > CLIENT_ID_MAX => return Err(Policy::Invalid),
        Some(id) => id.to_string(),
        None => random_id(rng),
    };
    Ok(Connect {
        client_id,
        keep_alive_s: mqtt.keep_alive_s,
        clean: mqtt.clean_start,
        will,
        username: blobs.mqtt_username.as_deref().map(str::to_owned),
        password: blobs.mqtt_password.as_deref().map(<[u8]>::to_vec),
    })
}

/// An expanded text; an empty one counts as absent (SS-563).
fn optional(opener: &Opener<'_>, text: Option<&str>) -> Result<Option<String>, Policy> {
    let Some(text) = text else { return Ok(None) };
    Ok(Some(opener.expand(text)?).filter(|text| !text.is_empty()))
}

/// 23 characters that every server must take. MQTT 3.1.1 §3.1.3.1, SS-560.
fn random_id(rng: &mut Rng) -> String {
    const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let letter = |rng: &mut Rng| {
        let place = usize::try_from(rng.below(62)).unwrap_or(0);
        LETTERS.get(place).map_or('0', |&letter| char::from(letter))
    };
    (0..23).map(|_| letter(rng)).collect()
}
