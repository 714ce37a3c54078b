//! Values to bytes. Everything appends; what fails appends nothing.

use super::{Connect, Header, Kind, Packet, PublishHead, SUBACK_REFUSED};
use crate::error::Misuse;
use crate::limits::{CLIENT_ID_MAX, FIELD_MAX, REMAINING_MAX, size};
use crate::topic::valid_topic;

impl Header {
    /// Appends the two to five bytes.
    pub fn emit(self, out: &mut Vec<u8>) {
        out.push(((self.kind as u8) << 4) | (self.flags & 0x0f));
        let mut left = self.len.min(REMAINING_MAX);
        loop {
            let [low, ..] = (left & 0x7f).to_le_bytes();
            left >>= 7;
            if left == 0 {
                out.push(low);
                return;
            }
            out.push(low | 0x80);
        }
    }
}

impl PublishHead<'_> {
    /// Appends fixed and variable header of a PUBLISH with `payload` bytes after it.
    ///
    /// # Errors
    /// `Topic`, `Qos`, `TooLong` (the packet would exceed 256 MiB).
    pub fn emit(&self, payload: u32, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.write(self.packet_len(payload)?, out);
        Ok(())
    }

    /// Appends the headers of a packet whose remaining length `packet_len` told.
    pub(crate) fn write(&self, len: u32, out: &mut Vec<u8>) {
        let flags = (u8::from(self.dup) << 3) | (self.qos << 1) | u8::from(self.retain);
        Header { kind: Kind::Publish, flags, len }.emit(out);
        field(out, self.topic.as_bytes());
        if self.qos > 0 {
            out.extend_from_slice(&self.id.to_be_bytes());
        }
    }

    /// The remaining length, if this can be sent.
    pub(crate) fn packet_len(&self, payload: u32) -> Result<u32, Misuse> {
        if self.qos > 2 {
            return Err(Misuse::Qos);
        }
        if !valid_topic(self.topic) {
            return Err(Misuse::Topic);
        }
        let head = 2 + self.topic.len() + if self.qos > 0 { 2 } else { 0 };
        total(head + size(payload))
    }
}

impl Packet<'_> {
    /// Appends the packet.
    ///
    /// # Errors
    /// What of a CONNECT cannot be; `TooLong` for lists beyond 256 MiB.
    pub fn emit(&self, out: &mut Vec<u8>) -> Result<(), Misuse> {
        match *self {
            Self::Connect(ref connect) => return connect_packet(out, connect),
            Self::Connack { session_present, code } => {
                out.extend_from_slice(&[0x20, 2, u8::from(session_present), code]);
            }
            Self::Puback(id) => puback(out, id),
            Self::Pubrec(id) => pubrec(out, id),
            Self::Pubrel(id) => pubrel(out, id),
            Self::Pubcomp(id) => pubcomp(out, id),
            Self::Unsuback(id) => with_id(out, Kind::Unsuback, 0, id),
            Self::Subscribe { id, filters } | Self::Unsubscribe { id, filters } => {
                let len = total(2 + filters.as_bytes().len())?;
                Header { kind: self.kind(), flags: 0b0010, len }.emit(out);
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(filters.as_bytes());
            }
            Self::Suback { id, codes } => {
                let len = total(2 + codes.len())?;
                Header { kind: Kind::Suback, flags: 0, len }.emit(out);
                out.extend_from_slice(&id.to_be_bytes());
                out.extend(codes.iter().map(|&code| if code > 2 { SUBACK_REFUSED } else { code }));
            }
            Self::Pingreq => pingreq(out),
            Self::Pingresp => out.extend_from_slice(&[0xd0, 0]),
            Self::Disconnect => disconnect(out),
        }
        Ok(())
    }
}

fn connect_packet(out: &mut Vec<u8>, connect: &Connect<'_>) -> Result<(), Misuse> {
    let Connect { client_id, keep_alive_s, clean, will, username, password } = *connect;
    if client_id.len() > CLIENT_ID_MAX || (client_id.is_empty() && !clean) {
        return Err(Misuse::ClientId);
    }
    if password.is_some() && username.is_none() {
        return Err(Misuse::Password);
    }
    let mut flags = u8::from(clean) << 1;
    if let Some(will) = will {
        if !valid_topic(will.topic) {
            return Err(Misuse::Topic);
        }
        if will.qos > 2 {
            return Err(Misuse::Qos);
        }
        flags |= 0x04 | (will.qos << 3) | (u8::from(will.retain) << 5);
    }
    flags |= (u8::from(username.is_some()) << 7) | (u8::from(password.is_some()) << 6);
    let topic = will.map(|will| will.topic.as_bytes());
    let message = will.map(|will| will.message);
    let user = username.map(str::as_bytes);
    let fields = [Some(client_id.as_bytes()), topic, message, user, password];
    let fields = fields.iter().flatten();
    if fields.clone().any(|bytes| bytes.len() > FIELD_MAX) {
        return Err(Misuse::TooLong);
    }
    let len = total(10 + fields.clone().map(|bytes| 2 + bytes.len()).sum::<usize>())?;
    Header { kind: Kind::Connect, flags: 0, len }.emit(out);
    out.extend_from_slice(b"\0\x04MQTT\x04");
    out.push(flags);
    out.extend_from_slice(&keep_alive_s.to_be_bytes());
    fields.for_each(|bytes| field(out, bytes));
    Ok(())
}

/// SUBSCRIBE to one filter (checked by the caller).
pub(crate) fn subscribe(out: &mut Vec<u8>, id: u16, filter: &str, qos: u8) {
    request(out, Kind::Subscribe, id, filter, Some(qos));
}

/// UNSUBSCRIBE from one filter (checked by the caller).
pub(crate) fn unsubscribe(out: &mut Vec<u8>, id: u16, filter: &str) {
    request(out, Kind::Unsubscribe, id, filter, None);
}

fn request(out: &mut Vec<u8>, kind: Kind, id: u16, filter: &str, qos: Option<u8>) {
    let len = total(4 + filter.len() + usize::from(qos.is_some())).unwrap_or(REMAINING_MAX);
    Header { kind, flags: 0b0010, len }.emit(out);
    out.extend_from_slice(&id.to_be_bytes());
    field(out, filter.as_bytes());
    out.extend(qos);
}

pub(crate) fn puback(out: &mut Vec<u8>, id: u16) {
    with_id(out, Kind::Puback, 0, id);
}

pub(crate) fn pubrec(out: &mut Vec<u8>, id: u16) {
    with_id(out, Kind::Pubrec, 0, id);
}

pub(crate) fn pubrel(out: &mut Vec<u8>, id: u16) {
    with_id(out, Kind::Pubrel, 0b0010, id);
}

pub(crate) fn pubcomp(out: &mut Vec<u8>, id: u16) {
    with_id(out, Kind::Pubcomp, 0, id);
}

pub(crate) fn pingreq(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xc0, 0]);
}

pub(crate) fn disconnect(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xe0, 0]);
}

fn with_id(out: &mut Vec<u8>, kind: Kind, flags: u8, id: u16) {
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[((kind as u8) << 4) | flags, 2, high, low]);
}

/// A string or binary field; the caller has checked its length.
fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
}

fn total(len: usize) -> Result<u32, Misuse> {
    u32::try_from(len).ok().filter(|&len| len <= REMAINING_MAX).ok_or(Misuse::TooLong)
}
