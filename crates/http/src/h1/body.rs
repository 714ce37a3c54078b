//! Bodies, both ways: how long one is (RFC 9112 §6), and the chunked coding (§7.1).

use super::encode::chunk_size;
use crate::limits::{CHUNK_DIGITS_MAX, EXTENSIONS_MAX};
use crate::output::Output;
use crate::{Body, Misuse};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Version};
use mainstay_base::Peer;

/// What a unit of body input was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Where its payload begins in the input.
    pub(crate) start: usize,
    /// Where its payload ends; everything before was taken.
    pub(crate) end: usize,
    /// The body is over.
    pub(crate) last: bool,
}

impl Unit {
    const fn taken(count: usize, last: bool) -> Self {
        Self { start: count, end: count, last }
    }
}

/// A body being received.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// So many bytes to come.
    Sized(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Until the connection ends.
    UntilClose,
}

impl Incoming {
    /// Takes one unit from `input`, which is not empty.
    pub(crate) fn take(&mut self, input: &[u8], trailers_max: usize) -> Result<Unit, Peer> {
        match self {
            Self::Sized(left) => {
                let end = within(input.len(), *left);
                *left -= end as u64;
                Ok(Unit { start: 0, end, last: *left == 0 })
            }
            Self::Chunked(chunks) => chunks.take(input, trailers_max),
            Self::UntilClose => Ok(Unit { start: 0, end: input.len(), last: false }),
        }
    }
}

fn within(len: usize, left: u64) -> usize {
    usize::try_from(left).map_or(len, |left| left.min(len))
}

/// What framing headers say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Neither length nor coding.
    Unstated,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Judges the framing headers (RFC 9112 §6.3): whatever two readers could read in two ways is malformed.
pub(crate) fn framing(headers: &HeaderMap, version: Version) -> Result<Framing, Peer> {
    let mut length = None;
    for value in each(headers, &CONTENT_LENGTH) {
        for part in value.as_bytes().split(|byte| *byte == b',') {
            let part = decimal(part.trim_ascii())?;
            if length.is_some_and(|length| length != part) {
                return Err(Peer::Malformed);
            }
            length = Some(part);
        }
    }
    let mut codings = each(headers, &TRANSFER_ENCODING);
    let Some(coding) = codings.next() else {
        return Ok(length.map_or(Framing::Unstated, Framing::Length));
    };
    let chunked = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !chunked || codings.next().is_some() || length.is_some() || version != Version::HTTP_11 {
        return Err(Peer::Malformed);
    }
    Ok(Framing::Chunked)
}

/// Every value of a header. Names are compared by number: cheaper than a look-up in what is short.
fn each<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h HeaderValue> {
    headers.iter().filter(move |(other, _)| *other == name).map(|(_, value)| value)
}

fn decimal(digits: &[u8]) -> Result<u64, Peer> {
    if digits.is_empty() {
        return Err(Peer::Malformed);
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit =
            digit.is_ascii_digit().then(|| u64::from(digit - b'0')).ok_or(Peer::Malformed)?;
        sum.checked_mul(10).and_then(|sum| sum.checked_add(digit)).ok_or(Peer::Malformed)
    })
}

/// Whether the sender of this head keeps the connection (RFC 9112 §9.3).
pub(crate) fn keeps_alive(headers: &HeaderMap, version: Version) -> bool {
    let has = |wanted: &[u8]| {
        each(headers, &CONNECTION).any(|value| {
            let mut tokens = value.as_bytes().split(|byte| *byte == b',');
            tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted))
        })
    };
    !has(b"close") && (version == Version::HTTP_11 || has(b"keep-alive"))
}

/// The chunked coding, byte by byte where it is syntax, slice by slice where it is payload.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunks {
    step: Step,
    /// The size being read, then what is left of the chunk.
    left: u64,
    digits: u8,
    /// Bytes of extensions and trailers so far.
    extra: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Size,
    Padding,
    Extension,
    SizeLf,
    Payload,
    PayloadCr,
    PayloadLf,
    TrailerStart,
    TrailerName,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

impl Chunks {
    fn take(&mut self, input: &[u8], trailers_max: usize) -> Result<Unit, Peer> {
        for (at, &byte) in input.iter().enumerate() {
            if self.step == Step::Payload {
                let count = within(input.len() - at, self.left);
                self.left -= count as u64;
                if self.left == 0 {
                    self.step = Step::PayloadCr;
                }
                return Ok(Unit { start: at, end: at + count, last: false });
            }
            self.step = self.next(byte, trailers_max)?;
            if self.step == Step::End {
                return Ok(Unit::taken(at + 1, true));
            }
        }
        Ok(Unit::taken(input.len(), false))
    }

    fn next(&mut self, byte: u8, trailers_max: usize) -> Result<Step, Peer> {
        match (self.step, byte) {
            (Step::Size, _) => self.size(byte),
            (Step::Padding, b' ' | b'\t') | (Step::Extension, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension()
            }
            (Step::Padding, b';') => Ok(Step::Extension),
            (Step::Padding | Step::Extension, b'\r') => Ok(Step::SizeLf),
            (Step::SizeLf, b'\n') => {
                self.digits = 0;
                Ok(if self.left == 0 { Step::TrailerStart } else { Step::Payload })
            }
            (Step::PayloadCr, b'\r') => Ok(Step::PayloadLf),
            (Step::PayloadLf, b'\n') => Ok(Step::Size),
            (Step::TrailerStart, b'\r') => Ok(Step::EndLf),
            (Step::Trailer, b'\r') => Ok(Step::TrailerLf),
            (Step::TrailerName, b':') | (Step::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.trailer(trailers_max).map(|()| Step::Trailer)
            }
            (Step::TrailerStart | Step::TrailerName, _) if is_token(byte) => {
                self.trailer(trailers_max).map(|()| Step::TrailerName)
            }
            (Step::TrailerLf, b'\n') => Ok(Step::TrailerStart),
            (Step::EndLf, b'\n') => Ok(Step::End),
            _ => Err(Peer::Malformed),
        }
    }

    fn size(&mut self, byte: u8) -> Result<Step, Peer> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b' ' | b'\t' if self.digits > 0 => return self.extension().map(|_| Step::Padding),
            b';' if self.digits > 0 => return Ok(Step::Extension),
            b'\r' if self.digits > 0 => return Ok(Step::SizeLf),
            _ => return Err(Peer::Malformed),
        };
        if self.digits == CHUNK_DIGITS_MAX {
            return Err(Peer::Malformed);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(Step::Size)
    }

    fn extension(&mut self) -> Result<Step, Peer> {
        self.extra += 1;
        if self.extra > EXTENSIONS_MAX {
            return Err(Peer::TooLarge);
        }
        Ok(self.step)
    }

    fn trailer(&mut self, max: usize) -> Result<(), Peer> {
        self.extra = self.extra.saturating_add(1);
        if self.extra as usize > max {
            return Err(Peer::TooLarge);
        }
        Ok(())
    }
}

/// Whether `byte` may stand in a field's name: `tchar` of RFC 9110 §5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A body being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// None, or all of it is queued.
    Done,
    /// So many bytes to come; `over` when more than that was offered.
    Sized {
        /// Bytes to come.
        left: u64,
        /// More was offered.
        over: bool,
    },
    /// Chunks until `finish`.
    Chunked,
}

impl Outgoing {
    /// What follows a head that announced `body`.
    pub(crate) const fn new(body: Body) -> Self {
        match body {
            Body::None => Self::Done,
            Body::Sized(left) => Self::Sized { left, over: false },
            Body::Unsized => Self::Chunked,
        }
    }

    /// Whether every announced byte is queued.
    pub(crate) const fn is_complete(self) -> bool {
        matches!(self, Self::Done | Self::Sized { left: 0, over: false })
    }

    /// How many bytes of `room` the body may still take.
    pub(crate) fn room(self, room: usize) -> usize {
        match self {
            Self::Done => 0,
            Self::Sized { left, .. } => within(room, left),
            Self::Chunked => room,
        }
    }

    /// Queues what fits of `bytes`; returns how much that was.
    pub(crate) fn send(&mut self, bytes: &[u8], room: usize, output: &mut Output) -> usize {
        let count = self.room(room).min(bytes.len());
        if let Self::Sized { left, over } = self {
            *over |= bytes.len() as u64 > *left;
            *left -= count as u64;
        }
        let bytes = bytes.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return 0;
        }
        let tail = output.tail(count + 16);
        if *self == Self::Chunked {
            chunk_size(count, tail);
            tail.extend_from_slice(bytes);
            tail.extend_from_slice(b"\r\n");
        } else {
            tail.extend_from_slice(bytes);
        }
        count
    }

    /// Ends the body (SS-506).
    pub(crate) fn finish(&mut self, output: &mut Output) -> Result<(), Misuse> {
        match *self {
            Self::Done => {}
            Self::Sized { over: true, .. } => return Err(Misuse::TooLong),
            Self::Sized { left: 1.., .. } => return Err(Misuse::TooShort),
            Self::Sized { .. } => *self = Self::Done,
            Self::Chunked => {
                output.tail(8).extend_from_slice(b"0\r\n\r\n");
                *self = Self::Done;
            }
        }
        Ok(())
    }
}
