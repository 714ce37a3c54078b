//! Heads, written. Owns what may stand in one: no byte of a caller's can end a line early.

use crate::{Body, Misuse, Request};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode};

/// Refuses headers that the codec writes itself.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<(), Misuse> {
    let own = [CONTENT_LENGTH, TRANSFER_ENCODING, HOST];
    if own.iter().any(|name| headers.contains_key(name)) {
        return Err(Misuse::Header);
    }
    Ok(())
}

/// Checks the method, the request target and the authority.
pub(crate) fn check_target(request: &Request) -> Result<(), Misuse> {
    if request.method == Method::CONNECT {
        return Err(Misuse::Method);
    }
    let path = request.path.as_bytes();
    let asterisk = path == b"*" && request.method == Method::OPTIONS;
    let clean = path.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    if !(asterisk || path.first() == Some(&b'/')) || !clean {
        return Err(Misuse::Path);
    }
    let authority = request.authority.as_bytes();
    // RFC 3986 §3.2: unreserved, sub-delims, and what an address and a port need; no user info.
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]%".contains(byte);
    if authority.is_empty() || !authority.iter().all(fits) {
        return Err(Misuse::Authority);
    }
    Ok(())
}

/// The authority without the port that its scheme implies (SS-510).
pub(crate) fn host(request: &Request) -> &str {
    let port = if request.secure { ":443" } else { ":80" };
    let bare = request.authority.strip_suffix(port).unwrap_or(&request.authority);
    // `[::80` is no port: what is left of an IPv6 literal must still be closed.
    if bare.starts_with('[') && !bare.ends_with(']') { &request.authority } else { bare }
}

/// Writes a request head. The request has been checked.
pub(crate) fn request_head(request: &Request, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(request.path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(host(request).as_bytes());
    out.extend_from_slice(b"\r\n");
    write_headers(&request.headers, out);
    match request.body {
        Body::Sized(len) => content_length(len, out),
        Body::Unsized => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // RFC 9110 §8.6: a method that anticipates content says that there is none.
        Body::None if [Method::POST, Method::PUT, Method::PATCH].contains(&request.method) => {
            content_length(0, out);
        }
        Body::None => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a response head; `body` is `None` where no framing header may or need stand.
pub(crate) fn response_head(
    status: StatusCode,
    headers: &HeaderMap,
    body: Body,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    write_headers(headers, out);
    match body {
        Body::Sized(len) => content_length(len, out),
        Body::Unsized => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Body::None => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes header lines. `HeaderValue` holds no CR, LF or NUL, `HeaderName` only tokens.
pub(crate) fn write_headers(headers: &HeaderMap, out: &mut Vec<u8>) {
    for (name, value) in headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn content_length(len: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"content-length: ");
    decimal(len, out);
    out.extend_from_slice(b"\r\n");
}

fn decimal(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// Writes a chunk's size line (RFC 9112 §7.1).
pub(crate) fn chunk_size(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{len:x}\r\n").as_bytes());
}
