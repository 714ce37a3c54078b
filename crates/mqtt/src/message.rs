//! The packets of MQTT 3.1.1 as values that borrow their bytes; no state, no allocation.
//!
//! `parse` judges everything the format alone can say (flags, lengths, UTF-8, reserved bits);
//! what may come when is the session's affair. Spec: MQTT 3.1.1 §2, §3.

mod emit;
mod parse;

pub use crate::error::Fault;
pub use parse::Filters;

pub(crate) use emit::{
    disconnect, pingreq, puback, pubcomp, pubrec, pubrel, subscribe, unsubscribe,
};
pub(crate) use parse::{Extent, head_len};

/// The set bit of a PUBLISH that was sent before. MQTT 3.1.1 §3.3.1.1.
pub(crate) const DUP: u8 = 0b1000;

/// What a packet is. MQTT 3.1.1 §2.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names of the standard")]
pub enum Kind {
    Connect = 1,
    Connack = 2,
    Publish = 3,
    Puback = 4,
    Pubrec = 5,
    Pubrel = 6,
    Pubcomp = 7,
    Subscribe = 8,
    Suback = 9,
    Unsubscribe = 10,
    Unsuback = 11,
    Pingreq = 12,
    Pingresp = 13,
    Disconnect = 14,
}

/// The fixed header. MQTT 3.1.1 §2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What follows.
    pub kind: Kind,
    /// Four bits: of PUBLISH DUP, QoS, RETAIN; of all others fixed.
    pub flags: u8,
    /// Bytes that follow, at most 268 435 455.
    pub len: u32,
}

/// What a client opens the session with. MQTT 3.1.1 §3.1.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Connect<'a> {
    /// At most 128 bytes of ours (SS-560); empty only with `clean`.
    pub client_id: &'a str,
    /// Seconds; 0 for none.
    pub keep_alive_s: u16,
    /// Forget the session of earlier connections.
    pub clean: bool,
    /// What the server publishes when the connection dies without DISCONNECT.
    pub will: Option<Will<'a>>,
    /// A user name.
    pub username: Option<&'a str>,
    /// A password; needs a user name.
    pub password: Option<&'a [u8]>,
}

impl core::fmt::Debug for Connect<'_> {
    /// Without the password.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connect")
            .field("client_id", &self.client_id)
            .field("keep_alive_s", &self.keep_alive_s)
            .field("clean", &self.clean)
            .field("will", &self.will.map(|will| will.topic))
            .field("username", &self.username.is_some())
            .field("password", &self.password.is_some())
            .finish()
    }
}

/// The last will. MQTT 3.1.1 §3.1.2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Will<'a> {
    /// Where to.
    pub topic: &'a str,
    /// What; at most 65 535 bytes.
    pub message: &'a [u8],
    /// 0 to 2.
    pub qos: u8,
    /// Kept by the server for later subscribers.
    pub retain: bool,
}

/// The variable header of a PUBLISH; its payload follows. MQTT 3.1.1 §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishHead<'a> {
    /// A valid topic name.
    pub topic: &'a str,
    /// The packet id; 0 with QoS 0, else not 0.
    pub id: u16,
    /// 0 to 2.
    pub qos: u8,
    /// Retained: from the server's store, or to be put there.
    pub retain: bool,
    /// Perhaps sent before.
    pub dup: bool,
}

/// A whole packet but PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of the standard")]
pub enum Packet<'a> {
    Connect(Connect<'a>),
    Connack { session_present: bool, code: u8 },
    Puback(u16),
    Pubrec(u16),
    Pubrel(u16),
    Pubcomp(u16),
    Subscribe { id: u16, filters: Filters<'a> },
    Suback { id: u16, codes: &'a [u8] },
    Unsubscribe { id: u16, filters: Filters<'a> },
    Unsuback(u16),
    Pingreq,
    Pingresp,
    Disconnect,
}

/// SUBACK's refusal. MQTT 3.1.1 §3.9.3.
pub(crate) const SUBACK_REFUSED: u8 = 0x80;

impl Packet<'_> {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Connect(_) => Kind::Connect,
            Self::Connack { .. } => Kind::Connack,
            Self::Puback(_) => Kind::Puback,
            Self::Pubrec(_) => Kind::Pubrec,
            Self::Pubrel(_) => Kind::Pubrel,
            Self::Pubcomp(_) => Kind::Pubcomp,
            Self::Subscribe { .. } => Kind::Subscribe,
            Self::Suback { .. } => Kind::Suback,
            Self::Unsubscribe { .. } => Kind::Unsubscribe,
            Self::Unsuback(_) => Kind::Unsuback,
            Self::Pingreq => Kind::Pingreq,
            Self::Pingresp => Kind::Pingresp,
            Self::Disconnect => Kind::Disconnect,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Misuse;

    fn emitted(packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        packet.emit(&mut out).unwrap();
        out
    }

    // Covers SS-560
    #[test]
    fn connect_has_the_bytes_of_the_standard() {
        let connect = Connect {
            client_id: "me",
            keep_alive_s: 10,
            clean: true,
            will: Some(Will { topic: "w", message: b"bye", qos: 1, retain: true }),
            username: Some("u"),
            password: Some(b"p"),
        };
        let mut expected = b"\x10\x1c\0\x04MQTT\x04\xee\0\x0a\0\x02me\0\x01w\0\x03bye".to_vec();
        expected.extend(b"\0\x01u\0\x01p");
        assert_eq!(emitted(&Packet::Connect(connect)), expected);
        assert!(!format!("{connect:?}").contains("112"));
    }

    #[test]
    fn a_connect_that_cannot_be_is_refused_and_writes_nothing() {
        let fine = Connect { client_id: "me", ..Connect::default() };
        let long = "x".repeat(129);
        let will = Will { topic: "t", message: b"", qos: 0, retain: false };
        for (connect, misuse) in [
            (Connect { client_id: &long, ..fine }, Misuse::ClientId),
            (Connect { client_id: "", clean: false, ..fine }, Misuse::ClientId),
            (Connect { password: Some(b"p"), ..fine }, Misuse::Password),
            (Connect { will: Some(Will { topic: "a/#", ..will }), ..fine }, Misuse::Topic),
            (Connect { will: Some(Will { qos: 3, ..will }), ..fine }, Misuse::Qos),
            (
                Connect { will: Some(Will { message: &[0; 65_536], ..will }), ..fine },
                Misuse::TooLong,
            ),
        ] {
            let mut out = Vec::new();
            assert_eq!(Packet::Connect(connect).emit(&mut out), Err(misuse));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_length_takes_one_to_four_bytes_and_a_fifth_is_malformed() {
        for (len, bytes) in [
            (3, vec![3]),
            (127, vec![0x7f]),
            (128, vec![0x80, 1]),
            (16_383, vec![0xff, 0x7f]),
            (2_097_151, vec![0xff, 0xff, 0x7f]),
            (268_435_455, vec![0xff, 0xff, 0xff, 0x7f]),
        ] {
            let header = Header { kind: Kind::Publish, flags: 0, len };
            let mut out = Vec::new();
            header.emit(&mut out);
            assert_eq!(out[1..], bytes);
            assert_eq!(Header::parse(&out), Ok(Some((header, out.len()))));
            assert_eq!(Header::parse(&out[..out.len() - 1]), Ok(None));
        }
        assert_eq!(Header::parse(&[0x30, 0x80, 0x80, 0x80, 0x80]), Err(Fault::Malformed));
    }

    #[test]
    fn reserved_flags_kinds_and_lengths_are_malformed() {
        for bytes in
            [&[0x00, 0][..], &[0xf0, 0], &[0x36, 9], &[0x38, 9], &[0x41, 2], &[0x60, 2], &[0xd0, 1]]
        {
            assert_eq!(Header::parse(bytes), Err(Fault::Malformed), "{bytes:?}");
        }
    }
}
