//! What the device knows of itself and streamtypes refer to: the system blobs (SS-435, SS-560).

use core::fmt;
use std::sync::Arc;

/// What comes with the creation of a stream besides its streamtype (SS-200).
#[derive(Clone, Debug, Default)]
pub struct Info {
    /// The stream's number in its node, for the tag (SS-028).
    pub index: u32,
    /// The device's blobs; shared by all streams.
    pub blobs: Arc<Blobs>,
}

/// The system blobs. Unset ones are `None`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Blobs {
    /// Auth tokens by slot.
    pub auth: [Option<Box<str>>; 4],
    /// Device serial number.
    pub serial: Option<Box<str>>,
    /// Firmware version.
    pub firmware: Option<Box<str>>,
    /// Device type.
    pub device_type: Option<Box<str>>,
    /// MQTT client id, at most 128 bytes.
    pub mqtt_client_id: Option<Box<str>>,
    /// MQTT user name.
    pub mqtt_username: Option<Box<str>>,
    /// MQTT password.
    pub mqtt_password: Option<Box<[u8]>>,
}

impl fmt::Debug for Blobs {
    /// Which are set, never what they say (SS-970).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blobs")
            .field("auth", &self.auth.each_ref().map(Option::is_some))
            .field("serial", &self.serial.is_some())
            .field("firmware", &self.firmware.is_some())
            .field("device_type", &self.device_type.is_some())
            .field("mqtt_client_id", &self.mqtt_client_id.is_some())
            .field("mqtt_username", &self.mqtt_username.is_some())
            .field("mqtt_password", &self.mqtt_password.is_some())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers SS-970
    #[test]
    fn printing_blobs_shows_no_secret() {
        let blobs = Blobs {
            auth: [Some("secret-a".into()), None, None, None],
            mqtt_password: Some(b"secret-b".as_slice().into()),
            ..Blobs::default()
        };
        let shown = format!("{:?}", Info { index: 1, blobs: Arc::new(blobs) });
        assert!(!shown.contains("secret") && !shown.contains("115, 101"), "{shown}");
    }
}
