//! The head of an HTTP or ws request from policy, blobs and metadata (SS-435, SS-453, SS-505 to
//! SS-510, SS-541).

use super::address::{Address, is_visible};
use super::{Destination, Opener};
use crate::metadata::header_name;
use mainstay_base::Policy;
use mainstay_http::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST};
use mainstay_http::http::header::{CONNECTION, PROXY_AUTHORIZATION, TRANSFER_ENCODING, UPGRADE};
use mainstay_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use mainstay_http::{Body, Request};
use mainstay_policy::Protocol;

/// The request of one attempt. `method` and `foreign` come from a redirect: the method it asks
/// for, and whether it leads to another authority, which must not see credentials.
pub(crate) fn build(
    opener: &Opener<'_>,
    destination: &Destination,
    redirected: Option<&Method>,
    foreign: bool,
) -> Result<Request, Policy> {
    let ws = opener.streamtype.protocol == Protocol::Ws;
    let method = match redirected {
        Some(method) => method.clone(),
        None if ws => Method::GET,
        None => method(opener)?,
    };
    let mut parts = Parts::default();
    add_blobs(opener, &mut parts, foreign)?;
    add_metadata(opener, &mut parts, foreign)?;
    add_direct(opener, &mut parts, foreign)?;
    let body = if ws || redirected == Some(&Method::GET) {
        Body::None
    } else {
        body(
            &method,
            parts.announced.or(opener.announced),
            opener.streamtype.http.no_content_length,
        )
    };
    if opener.streamtype.http.www_form_urlencoded && body != Body::None {
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        parts.headers.entry(CONTENT_TYPE).or_insert(form);
    }
    Ok(Request {
        method,
        secure: destination.address.tls,
        authority: parts.authority.unwrap_or_else(|| destination.authority.clone()),
        path: match &destination.path {
            Some(path) => path.clone(),
            None => path(opener, &destination.address)?,
        },
        headers: parts.headers,
        body,
    })
}

/// What is gathered besides the line.
#[derive(Default)]
struct Parts {
    headers: HeaderMap,
    /// A metadata mapped to `host:`.
    authority: Option<String>,
    /// A metadata mapped to `content-length:` (SS-453).
    announced: Option<u64>,
}

impl Parts {
    /// Adds one header; framing belongs to the codec.
    fn add(&mut self, name: HeaderName, bytes: &[u8], secret: bool) -> Result<(), Policy> {
        let mut value = HeaderValue::from_bytes(bytes).map_err(|_| Policy::Invalid)?;
        value.set_sensitive(secret);
        if name == CONTENT_LENGTH {
            let length = value.to_str().ok().and_then(|text| text.trim().parse().ok());
            self.announced = Some(length.ok_or(Policy::Invalid)?).filter(|&length| length != 0);
            return Ok(());
        }
        if name == HOST {
            let host = value.to_str().map_err(|_| Policy::Invalid)?;
            self.authority = is_visible(host).then(|| host.to_owned());
            return Ok(());
        }
        if [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(&name) {
            return Err(Policy::Invalid);
        }
        self.headers.append(name, value);
        Ok(())
    }
}

fn method(opener: &Opener<'_>) -> Result<Method, Policy> {
    let text = opener.streamtype.http.method.as_deref().ok_or(Policy::Missing)?;
    Method::from_bytes(text.as_bytes()).map_err(|_| Policy::Invalid)
}

/// What follows the head (SS-505, SS-507).
const fn body(method: &Method, announced: Option<u64>, no_length: bool) -> Body {
    let carries = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    let never = matches!(*method, Method::GET | Method::HEAD);
    match announced {
        _ if never => Body::None,
        Some(_) if no_length => Body::Unsized,
        Some(length) => Body::Sized(length),
        None if carries => Body::Unsized,
        None => Body::None,
    }
}

/// Path and query: the URL's, else `http_url` with at most one leading slash taken off and put
/// back (SS-435).
pub(crate) fn path(opener: &Opener<'_>, address: &Address) -> Result<String, Policy> {
    if let Some(path) = &address.path {
        return Ok(path.clone());
    }
    let mut url = opener.expand(opener.streamtype.http.url.as_deref().unwrap_or(""))?;
    if !is_visible(&url) {
        return Err(Policy::Invalid);
    }
    if !url.starts_with('/') {
        url.insert(0, '/');
    }
    Ok(url)
}

/// Header blobs come first (SS-508). A configured but unset blob makes the attempt fail (SS-435).
fn add_blobs(opener: &Opener<'_>, parts: &mut Parts, foreign: bool) -> Result<(), Policy> {
    let (http, blobs) = (&opener.streamtype.http, opener.blobs);
    if let Some(header) = &http.auth_header
        && !foreign
    {
        let token = opener.token().ok_or(Policy::Missing)?;
        let token = if http.auth_hexify { hex(token) } else { token.to_owned() };
        let preamble = http.auth_preamble.as_deref().unwrap_or("");
        parts.add(name(header)?, format!("{preamble}{token}").as_bytes(), true)?;
    }
    let device = [
        (&http.dsn_header, &blobs.serial),
        (&http.fwv_header, &blobs.firmware),
        (&http.devtype_header, &blobs.device_type),
    ];
    for (header, blob) in device {
        let Some(header) = header else { continue };
        parts.add(name(header)?, blob.as_deref().ok_or(Policy::Missing)?.as_bytes(), false)?;
    }
    Ok(())
}

/// Headers that metadata map to (SS-453).
fn add_metadata(opener: &Opener<'_>, parts: &mut Parts, foreign: bool) -> Result<(), Policy> {
    for (place, (_, mapping)) in opener.streamtype.metadata.iter().enumerate() {
        let (false, Some(value)) = (mapping.is_empty(), opener.metadata.requested(place)) else {
            continue;
        };
        let name = name(mapping)?;
        if !(foreign && is_credential(&name)) {
            parts.add(name, value, false)?;
        }
    }
    Ok(())
}

/// Headers set directly (SS-226).
fn add_direct(opener: &Opener<'_>, parts: &mut Parts, foreign: bool) -> Result<(), Policy> {
    for (name, value) in opener.metadata.direct() {
        if !(foreign && is_credential(name)) {
            parts.add(name.clone(), value, false)?;
        }
    }
    Ok(())
}

fn name(text: &str) -> Result<HeaderName, Policy> {
    header_name(text).ok_or(Policy::Invalid)
}

fn is_credential(name: &HeaderName) -> bool {
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST].contains(name)
}

fn hex(token: &str) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or('0');
    token.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
