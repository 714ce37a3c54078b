//! UTF-8 over slices: valid so far, or not at the first byte that cannot be right (RFC 3629, RFC 6455 §8.1).

/// The bytes of a character that has not come whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    partial: [u8; 3],
    len: u8,
}

/// Not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotText;

impl Text {
    pub(crate) const fn new() -> Self {
        Self { partial: [0; 3], len: 0 }
    }

    /// Judges the next slice.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), NotText> {
        while self.len > 0 {
            let Some((first, rest)) = bytes.split_first() else { return Ok(()) };
            bytes = rest;
            let held = usize::from(self.len);
            let mut character = [0; 4];
            character[..held].copy_from_slice(&self.partial[..held]);
            character[held] = *first;
            self.len = 0;
            self.judge(&character[..=held])?;
        }
        self.judge(bytes)
    }

    /// Whether the text may end here.
    pub(crate) const fn is_whole(self) -> bool {
        self.len == 0
    }

    fn judge(&mut self, bytes: &[u8]) -> Result<(), NotText> {
        let Err(fault) = core::str::from_utf8(bytes) else { return Ok(()) };
        let tail = bytes.get(fault.valid_up_to()..).unwrap_or_default();
        let room = self.partial.get_mut(..tail.len()).filter(|_| fault.error_len().is_none());
        room.ok_or(NotText)?.copy_from_slice(tail);
        self.len = u8::try_from(tail.len()).map_err(|_| NotText)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_byte_is_found_at_once_and_a_right_one_is_not() {
        let cases: [&[u8]; 6] =
            [b"\xf4\x90", b"\xc0", b"\xed\xa0", b"\xff", b"ok\xce\xbaz\x80", b"\xf0\x8f"];
        for case in cases {
            let (last, front) = case.split_last().unwrap();
            let mut text = Text::new();
            for byte in front {
                assert_eq!(text.push(&[*byte]), Ok(()), "{case:x?}");
            }
            assert_eq!(text.push(&[*last]), Err(NotText), "{case:x?}");
        }
    }

    #[test]
    fn any_split_of_text_is_text() {
        let bytes = "κόσμε \u{10ffff}\u{0}é".as_bytes();
        for cut in 0..=bytes.len() {
            let mut text = Text::new();
            assert_eq!(text.push(&bytes[..cut]), Ok(()));
            assert_eq!(text.is_whole(), core::str::from_utf8(&bytes[..cut]).is_ok());
            assert_eq!(text.push(&bytes[cut..]), Ok(()));
            assert!(text.is_whole());
        }
    }
}
