//! What an mqtt stream brings to its connection: CONNECT, subscription, birth (SS-437, SS-560,
//! SS-563).

use super::Opener;
use crate::limits::CLIENT_ID_MAX;
use mainstay_base::Policy;
use mainstay_pool::{Birth, MqttConnect, MqttOpen, Will};

pub(crate) fn build(opener: &Opener<'_>) -> Result<MqttOpen, Policy> {
    let mqtt = &opener.streamtype.mqtt;
    let subscribe = optional(opener, mqtt.subscribe.as_deref())?;
    let birth = match optional(opener, mqtt.birth_topic.as_deref())? {
        Some(topic) => Some(Birth {
            topic,
            message: opener.expand(mqtt.birth_message.as_deref().unwrap_or(""))?.into_bytes(),
            qos: mqtt.birth_qos,
            retain: mqtt.birth_retain,
        }),
        None => None,
    };
    Ok(MqttOpen {
        connect: connect(opener)?,
        subscribe: subscribe.map(|filter| (filter, mqtt.qos)),
        birth,
    })
}

fn connect(opener: &Opener<'_>) -> Result<MqttConnect, Policy> {
    let (mqtt, blobs) = (&opener.streamtype.mqtt, opener.blobs);
    let will = match optional(opener, mqtt.will_topic.as_deref())? {
        Some(topic) => Some(Will {
            topic,
            message: opener.expand(mqtt.will_message.as_deref().unwrap_or(""))?.into_bytes(),
            qos: mqtt.will_qos,
            retain: mqtt.will_retain,
        }),
        None => None,
    };
    let client_id = match &blobs.mqtt_client_id {
        Some(id) if id.len() > CLIENT_ID_MAX => return Err(Policy::Invalid),
        Some(id) => id.to_string(),
        // The pool draws one for the connection (SS-560).
        None => String::new(),
    };
    Ok(MqttConnect {
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
