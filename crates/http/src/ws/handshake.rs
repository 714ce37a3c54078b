//! The opening handshake (RFC 6455 §4): what the client asks, what the server must answer.

use crate::h1::{check_headers, check_target, host};
use crate::{Misuse, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Method, StatusCode, Version};
use mainstay_base::Peer;
use sha1::{Digest as _, Sha1};

/// What a key is joined with. RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Headers that only the codec writes.
const OWN: [HeaderName; 7] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
];

/// The answer to a key (RFC 6455 §4.2.2).
pub(crate) fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// A new key (RFC 6455 §4.1).
pub(crate) fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// Checks what the caller wants in the request. Its method and body do not matter: it is a GET (SS-435).
pub(crate) fn check(request: &Request, subprotocol: Option<&str>) -> Result<(), Misuse> {
    check_target(request)?;
    check_own(&request.headers)?;
    check_tokens(subprotocol)
}

/// Refuses headers that the codec writes itself.
pub(crate) fn check_own(headers: &HeaderMap) -> Result<(), Misuse> {
    check_headers(headers)?;
    if OWN.iter().any(|name| headers.contains_key(name)) {
        return Err(Misuse::Header);
    }
    Ok(())
}

/// A list of tokens, separated by commas (RFC 9110 §5.6.2).
pub(crate) fn check_tokens(subprotocol: Option<&str>) -> Result<(), Misuse> {
    let is_token = |part: &str| {
        let part = part.trim_matches([' ', '\t']);
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&b))
    };
    if subprotocol.is_none_or(|list| list.split(',').all(is_token)) {
        Ok(())
    } else {
        Err(Misuse::Header)
    }
}

/// Writes the request. It has been checked.
pub(crate) fn write_request(
    request: &Request,
    key: &str,
    subprotocol: Option<&str>,
    out: &mut Vec<u8>,
) {
    let parts = ["GET ", &request.path, " HTTP/1.1\r\nhost: ", host(request)];
    parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    out.extend_from_slice(
        b"\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13",
    );
    out.extend_from_slice(b"\r\nsec-websocket-key: ");
    out.extend_from_slice(key.as_bytes());
    if let Some(subprotocol) = subprotocol {
        out.extend_from_slice(b"\r\nsec-websocket-protocol: ");
        out.extend_from_slice(subprotocol.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    crate::h1::write_headers(&request.headers, out);
    out.extend_from_slice(b"\r\n");
}

/// Judges a 101 (RFC 6455 §4.1, the client's six checks).
pub(crate) fn check_response(
    response: &Response,
    accept: &str,
    subprotocol: Option<&str>,
) -> Result<(), Peer> {
    let headers = response.headers();
    let accepted =
        headers.get_all(SEC_WEBSOCKET_ACCEPT).iter().map(|value| value.as_bytes().trim_ascii());
    let chosen: Vec<_> = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().collect();
    let offered = |chosen: &[u8]| {
        subprotocol.is_some_and(|list| list.split(',').any(|part| part.trim().as_bytes() == chosen))
    };
    let right = response.version() == Version::HTTP_11
        && has_token(headers, &UPGRADE, "websocket")
        && has_token(headers, &CONNECTION, "upgrade")
        && accepted.eq([accept.as_bytes()])
        // We offer no extension, so none may be chosen.
        && !headers.contains_key(SEC_WEBSOCKET_EXTENSIONS)
        && chosen.len() <= 1
        && chosen.iter().all(|chosen| offered(chosen.as_bytes().trim_ascii()));
    if right { Ok(()) } else { Err(Peer::Malformed) }
}

/// Judges a client's request (RFC 6455 §4.2.1): the accept value, or the status to refuse with.
pub(crate) fn check_request(request: &http::Request<()>) -> Result<String, StatusCode> {
    let headers = request.headers();
    if !has_token(headers, &UPGRADE, "websocket") {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let version = headers.get(SEC_WEBSOCKET_VERSION).map(http::HeaderValue::as_bytes);
    if version != Some(b"13") {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(http::HeaderValue::as_bytes).unwrap_or_default();
    let right = request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && headers.contains_key(http::header::HOST)
        && has_token(headers, &CONNECTION, "upgrade")
        && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16);
    if right { Ok(accept(key)) } else { Err(StatusCode::BAD_REQUEST) }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.any(|value| {
        let mut tokens = value.as_bytes().split(|byte| *byte == b',');
        tokens.any(|token| token.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_holds() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
