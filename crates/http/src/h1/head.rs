//! Heads: collecting one that comes in pieces, and turning its bytes into values.

use crate::limits::HEADERS_CAP;
use core::mem::MaybeUninit;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use mainstay_base::Peer;

/// What a piece of input did to a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All taken, and more is needed.
    More,
    /// The head ended: so many bytes of the input belong to it.
    Whole(usize),
    /// It exceeds the limit.
    TooLarge,
}

/// A head on its way. Holds bytes only between inputs.
#[derive(Debug, Default)]
pub(crate) struct HeadBuffer {
    bytes: Vec<u8>,
    /// The current line is empty so far.
    blank: bool,
}

impl HeadBuffer {
    /// Takes `input` up to the end of the head; a partial head is kept. At most `max` bytes.
    pub(crate) fn take(&mut self, input: &[u8], max: usize) -> Taken {
        let allowed = max.saturating_sub(self.bytes.len());
        let (mut rest, mut taken) = (input.get(..allowed).unwrap_or(input), 0);
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(at + 1).unwrap_or_default();
            taken += line.len();
            rest = after;
            if self.blank && is_blank(line) {
                if !self.bytes.is_empty() {
                    self.bytes.extend_from_slice(input.get(..taken).unwrap_or_default());
                }
                return Taken::Whole(taken);
            }
            self.blank = true;
        }
        self.blank &= is_blank(rest);
        if input.len() > allowed {
            return Taken::TooLarge;
        }
        self.bytes.extend_from_slice(input);
        Taken::More
    }

    /// The whole head, after `Taken::Whole(len)`; let the buffer go after that.
    pub(crate) fn whole<'b>(&'b self, input: &'b [u8], len: usize) -> &'b [u8] {
        if self.bytes.is_empty() { input.get(..len).unwrap_or_default() } else { &self.bytes }
    }
}

/// Whether nothing stands on a line but its end.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

/// Reads a response head. `Status::Complete` of all of `bytes` is required.
pub(crate) fn parse_response(bytes: &[u8], headers_max: usize) -> Result<http::Response<()>, Peer> {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS_CAP];
    let slots = slots.get_mut(..headers_max.min(HEADERS_CAP)).unwrap_or_default();
    let mut parsed = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut parsed,
        bytes,
        slots,
    );
    check_status(status)?;
    let code = parsed.code.ok_or(Peer::Malformed)?;
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).map_err(|_| Peer::Malformed)?;
    *response.version_mut() = version(parsed.version);
    *response.headers_mut() = header_map(parsed.headers)?;
    Ok(response)
}

/// Reads a request head.
pub(crate) fn parse_request(bytes: &[u8], headers_max: usize) -> Result<http::Request<()>, Peer> {
    let mut slots = [const { MaybeUninit::uninit() }; HEADERS_CAP];
    let slots = slots.get_mut(..headers_max.min(HEADERS_CAP)).unwrap_or_default();
    let mut parsed = httparse::Request::new(&mut []);
    check_status(parsed.parse_with_uninit_headers(bytes, slots))?;
    let mut request = http::Request::new(());
    let method = parsed.method.ok_or(Peer::Malformed)?;
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| Peer::Malformed)?;
    *request.uri_mut() =
        parsed.path.ok_or(Peer::Malformed)?.parse().map_err(|_| Peer::Malformed)?;
    *request.version_mut() = version(parsed.version);
    *request.headers_mut() = header_map(parsed.headers)?;
    Ok(request)
}

fn check_status(status: httparse::Result<usize>) -> Result<(), Peer> {
    match status {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Err(httparse::Error::TooManyHeaders) => Err(Peer::TooLarge),
        Ok(httparse::Status::Partial) | Err(_) => Err(Peer::Malformed),
    }
}

const fn version(minor: Option<u8>) -> Version {
    match minor {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

fn header_map(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, Peer> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Peer::Malformed)?;
        let value = HeaderValue::from_bytes(header.value).map_err(|_| Peer::Malformed)?;
        headers.append(name, value);
    }
    Ok(headers)
}
