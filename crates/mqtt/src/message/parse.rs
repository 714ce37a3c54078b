//! Bytes to values. Total: any bytes yield a value, "more must come", or a `Fault`.

use super::{Connect, Fault, Header, Kind, Packet, PublishHead, SUBACK_REFUSED, Will};
use crate::limits::size;
use crate::topic::{valid_filter, valid_topic};

impl Header {
    /// The header at the front of `bytes` and how long it is; `None` if more must come.
    ///
    /// # Errors
    /// `Malformed`: a reserved kind or flag, QoS 3, a length of five bytes, or one its kind cannot have.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Fault> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let kind = Kind::parse(first >> 4).ok_or(Fault::Malformed)?;
        let flags = first & 0x0f;
        if !kind.permits(flags) {
            return Err(Fault::Malformed);
        }
        let mut len = 0;
        for (index, &byte) in rest.iter().take(4).enumerate() {
            len |= u32::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let header = Self { kind, flags, len };
                return if header.is_possible() {
                    Ok(Some((header, index + 2)))
                } else {
                    Err(Fault::Malformed)
                };
            }
        }
        if rest.len() < 4 { Ok(None) } else { Err(Fault::Malformed) }
    }

    /// Whether a packet of this kind can be this long.
    const fn is_possible(self) -> bool {
        match self.kind {
            Kind::Connack
            | Kind::Puback
            | Kind::Pubrec
            | Kind::Pubrel
            | Kind::Pubcomp
            | Kind::Unsuback => self.len == 2,
            Kind::Pingreq | Kind::Pingresp | Kind::Disconnect => self.len == 0,
            Kind::Connect => self.len >= 12,
            Kind::Publish => self.len >= if self.publish_qos() > 0 { 5 } else { 3 },
            Kind::Subscribe => self.len >= 6,
            Kind::Unsubscribe => self.len >= 5,
            Kind::Suback => self.len >= 3,
        }
    }

    pub(crate) const fn publish_qos(self) -> u8 {
        (self.flags >> 1) & 3
    }
}

impl Kind {
    const fn parse(nibble: u8) -> Option<Self> {
        Some(match nibble {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            _ => return None,
        })
    }

    /// MQTT 3.1.1 §2.2.2; of PUBLISH: no QoS 3, and no DUP with QoS 0 (MQTT-3.3.1-2).
    const fn permits(self, flags: u8) -> bool {
        match self {
            Self::Publish => flags & 0b0110 != 0b0110 && flags & 0b1110 != 0b1000,
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => flags == 0b0010,
            Self::Connect
            | Self::Connack
            | Self::Puback
            | Self::Pubrec
            | Self::Pubcomp
            | Self::Suback
            | Self::Unsuback
            | Self::Pingreq
            | Self::Pingresp
            | Self::Disconnect => flags == 0,
        }
    }
}

/// How long the variable header of a PUBLISH is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extent {
    /// So many bytes.
    Whole(usize),
    /// That shows once so many bytes are there.
    Needs(usize),
}

/// Measures the variable header of a PUBLISH, of which `bytes` is the front.
///
/// # Errors
/// `Malformed` when it is longer than the packet.
pub(crate) fn head_len(header: Header, bytes: &[u8]) -> Result<Extent, Fault> {
    let Some(&[high, low]) = bytes.first_chunk::<2>() else { return Ok(Extent::Needs(2)) };
    let id = if header.publish_qos() > 0 { 2 } else { 0 };
    let len = 2 + usize::from(u16::from_be_bytes([high, low])) + id;
    if len <= size(header.len) { Ok(Extent::Whole(len)) } else { Err(Fault::Malformed) }
}

impl<'a> PublishHead<'a> {
    /// The variable header in `bytes`, which must be exactly it.
    ///
    /// # Errors
    /// `Malformed`: not a topic name, packet id 0, or another length.
    pub fn parse(header: Header, bytes: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader(bytes);
        let topic = reader.text()?;
        let qos = header.publish_qos();
        let id = if qos > 0 { reader.id()? } else { 0 };
        if !valid_topic(topic) || !reader.0.is_empty() {
            return Err(Fault::Malformed);
        }
        Ok(Self {
            topic,
            id,
            qos,
            retain: header.flags & 1 != 0,
            dup: header.flags & super::DUP != 0,
        })
    }
}

impl<'a> Packet<'a> {
    /// The packet whose bytes after the fixed header are `body`; not for PUBLISH.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(header: Header, body: &'a [u8]) -> Result<Self, Fault> {
        let mut reader = Reader(body);
        let packet = match header.kind {
            Kind::Connect => Self::Connect(reader.connect()?),
            Kind::Connack => reader.connack()?,
            Kind::Publish => return Err(Fault::Malformed),
            Kind::Puback => Self::Puback(reader.id()?),
            Kind::Pubrec => Self::Pubrec(reader.id()?),
            Kind::Pubrel => Self::Pubrel(reader.id()?),
            Kind::Pubcomp => Self::Pubcomp(reader.id()?),
            Kind::Subscribe => Self::Subscribe { id: reader.id()?, filters: reader.filters(true)? },
            Kind::Suback => {
                let id = reader.id()?;
                let codes = core::mem::take(&mut reader.0);
                if codes.is_empty() || codes.iter().any(|&code| code > 2 && code != SUBACK_REFUSED)
                {
                    return Err(Fault::Malformed);
                }
                Self::Suback { id, codes }
            }
            Kind::Unsubscribe => {
                Self::Unsubscribe { id: reader.id()?, filters: reader.filters(false)? }
            }
            Kind::Unsuback => Self::Unsuback(reader.id()?),
            Kind::Pingreq => Self::Pingreq,
            Kind::Pingresp => Self::Pingresp,
            Kind::Disconnect => Self::Disconnect,
        };
        if reader.0.is_empty() { Ok(packet) } else { Err(Fault::Malformed) }
    }
}

/// The list of a SUBSCRIBE or UNSUBSCRIBE: iterates over filters and the QoS asked for (0 if none is).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filters<'a> {
    bytes: &'a [u8],
    with_qos: bool,
}

impl<'a> Filters<'a> {
    /// The list in the wire's form.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Filters<'a> {
    type Item = (&'a str, u8);

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = Reader(self.bytes);
        let item = reader.filter(self.with_qos).ok()?;
        self.bytes = reader.0;
        Some(item)
    }
}

/// A string field that must be all of `bytes` after its length.
fn text(bytes: &[u8]) -> Result<&str, Fault> {
    let text = core::str::from_utf8(bytes).map_err(|_| Fault::Malformed)?;
    // MQTT-1.5.3-2
    if bytes.contains(&0) { Err(Fault::Malformed) } else { Ok(text) }
}

/// What is left of a body.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Fault::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.0.split_first().ok_or(Fault::Malformed)?;
        self.0 = rest;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// A packet id, never 0 (MQTT-2.3.1-1).
    fn id(&mut self) -> Result<u16, Fault> {
        self.number().and_then(|id| if id == 0 { Err(Fault::Malformed) } else { Ok(id) })
    }

    fn field(&mut self) -> Result<&'a [u8], Fault> {
        let len = self.number()?;
        self.take(usize::from(len))
    }

    fn text(&mut self) -> Result<&'a str, Fault> {
        self.field().and_then(text)
    }

    fn connack(&mut self) -> Result<Packet<'a>, Fault> {
        let (flags, code) = (self.byte()?, self.byte()?);
        // MQTT-3.2.2-4: a refusal resumes nothing
        if flags > 1 || (flags == 1 && code != 0) {
            return Err(Fault::Malformed);
        }
        Ok(Packet::Connack { session_present: flags == 1, code })
    }

    fn filter(&mut self, with_qos: bool) -> Result<(&'a str, u8), Fault> {
        let filter = self.text()?;
        let qos = if with_qos { self.byte()? } else { 0 };
        if valid_filter(filter) && qos <= 2 { Ok((filter, qos)) } else { Err(Fault::Malformed) }
    }

    fn filters(&mut self, with_qos: bool) -> Result<Filters<'a>, Fault> {
        let list = Filters { bytes: self.0, with_qos };
        if self.0.is_empty() {
            return Err(Fault::Malformed);
        }
        while !self.0.is_empty() {
            self.filter(with_qos)?;
        }
        Ok(list)
    }

    /// MQTT 3.1.1 §3.1. Another protocol level is malformed here: the server session speaks 3.1.1 only.
    fn connect(&mut self) -> Result<Connect<'a>, Fault> {
        if self.take(7)? != b"\0\x04MQTT\x04" {
            return Err(Fault::Malformed);
        }
        let flags = self.byte()?;
        let keep_alive_s = self.number()?;
        let client_id = self.text()?;
        let will_qos = (flags >> 3) & 3;
        let will_retain = flags & 0x20 != 0;
        let will = if flags & 0x04 == 0 {
            None
        } else {
            Some(Will {
                topic: self.text()?,
                message: self.field()?,
                qos: will_qos,
                retain: will_retain,
            })
        };
        let username = if flags & 0x80 == 0 { None } else { Some(self.text()?) };
        let password = if flags & 0x40 == 0 { None } else { Some(self.field()?) };
        let clean = flags & 0x02 != 0;
        let will_fits = will
            .map_or(will_qos == 0 && !will_retain, |will| will_qos < 3 && valid_topic(will.topic));
        let fits = flags & 1 == 0 && will_fits && (username.is_some() || password.is_none());
        if fits && (clean || !client_id.is_empty()) {
            return Ok(Connect { client_id, keep_alive_s, clean, will, username, password });
        }
        Err(Fault::Malformed)
    }
}
