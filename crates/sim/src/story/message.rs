//! Messages that say whose they are, so that a peer's log can be read by stream and number.

/// The shortest message.
pub const HEAD_MIN: usize = 32;

/// Message `id` of stream `number`, `len` bytes of printable text.
#[must_use]
pub fn message(number: u32, id: u64, len: usize) -> Vec<u8> {
    let len = len.max(HEAD_MIN);
    let mut bytes = format!("<{number}.{id}.{len}>").into_bytes();
    let mut letter = u8::try_from(id % 26).unwrap_or(0);
    while bytes.len() < len {
        bytes.push(b'a' + letter);
        letter = (letter + 1) % 26;
    }
    bytes
}

/// Stream and number of a message, if it is one and is whole.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<(u32, u64)> {
    let end = bytes.iter().position(|&byte| byte == b'>')?;
    let head = core::str::from_utf8(bytes.get(1..end)?).ok()?;
    let mut fields = head.split('.');
    let number = fields.next()?.parse().ok()?;
    let id = fields.next()?.parse().ok()?;
    let len = fields.next()?.parse().ok()?;
    (bytes == message(number, id, len)).then_some((number, id))
}

/// The first `len` bytes of what servers send on their own.
#[must_use]
pub fn pattern(len: usize) -> Vec<u8> {
    // 251: a prime, so that a shift shows.
    (0..len).map(|at| u8::try_from(at % 251).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_itself_and_a_torn_one_does_not() {
        let bytes = message(7, 123, 100);
        assert_eq!((bytes.len(), parse(&bytes)), (100, Some((7, 123))));
        assert_eq!(parse(&bytes[..99]), None);
        assert_eq!(parse(b"<7.123.100>"), None);
    }
}
