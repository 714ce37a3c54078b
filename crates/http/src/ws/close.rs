//! The closing handshake's payload (RFC 6455 §5.5.1, §7.4): a code and a reason.

use super::frame::CONTROL_MAX;

/// 1000: done.
pub(crate) const NORMAL: u16 = 1000;
/// 1002: the peer broke the protocol.
pub(crate) const PROTOCOL: u16 = 1002;
/// 1007: text that is none.
pub(crate) const NOT_TEXT: u16 = 1007;

/// A close frame's payload. RFC 6455 §7.4.1: 1004, 1005, 1006 and 1015 are never on the wire.
const fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Reads the payload of a close frame; `Err` is the code to answer with.
pub(crate) fn parse(payload: &[u8]) -> Result<Option<(u16, &str)>, u16> {
    if payload.is_empty() {
        return Ok(None);
    }
    let Some((code, reason)) = payload.split_first_chunk() else { return Err(PROTOCOL) };
    let code = u16::from_be_bytes(*code);
    if !is_sendable(code) {
        return Err(PROTOCOL);
    }
    core::str::from_utf8(reason).map(|reason| Some((code, reason))).map_err(|_| NOT_TEXT)
}

/// Builds the payload of a close frame: a code that may not be sent becomes 1000, a reason that is
/// too long is cut between characters, and 1005 means no code at all.
pub(crate) fn payload(code: u16, reason: &str) -> Vec<u8> {
    if code == 1005 {
        return Vec::new();
    }
    let code = if is_sendable(code) { code } else { NORMAL };
    let mut payload = code.to_be_bytes().to_vec();
    let end = reason.floor_char_boundary(CONTROL_MAX - payload.len());
    payload.extend_from_slice(reason.get(..end).unwrap_or_default().as_bytes());
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_reads_back_and_fits() {
        let long = "é".repeat(100);
        let built = payload(4000, &long);
        assert_eq!(built.len(), 124);
        assert_eq!(parse(&built), Ok(Some((4000, &*"é".repeat(61)))));
        assert_eq!(parse(&payload(1006, "")), Ok(Some((1000, ""))));
        assert_eq!(parse(&payload(1005, "x")), Ok(None));
    }
}
