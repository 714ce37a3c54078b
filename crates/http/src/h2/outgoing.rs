//! From our request to the library's: validated, with the last target remembered.

use super::Misuse;
use crate::{Body, Request};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Version};

/// The last target, parsed: most requests of a connection go where the one before went.
#[derive(Debug, Default)]
pub(super) struct Targets {
    last: Option<Uri>,
}

impl Targets {
    /// Checks that `request` can be sent.
    pub(super) fn check(&mut self, request: &Request) -> Result<(), Misuse> {
        if request.method == Method::CONNECT {
            return Err(Misuse::Target);
        }
        if !request.headers.is_empty() && !may_be_sent(&request.headers) {
            return Err(Misuse::Header);
        }
        self.uri(request).map(drop)
    }

    /// The library's form of `request`.
    pub(super) fn convert(&mut self, request: &Request) -> Result<http::Request<()>, Misuse> {
        let mut converted = http::Request::new(());
        *converted.uri_mut() = self.uri(request)?;
        *converted.version_mut() = Version::HTTP_2;
        converted.method_mut().clone_from(&request.method);
        if !request.headers.is_empty() {
            converted.headers_mut().clone_from(&request.headers);
        }
        if let Body::Sized(len) = request.body {
            converted.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(len));
        }
        Ok(converted)
    }

    fn uri(&mut self, request: &Request) -> Result<Uri, Misuse> {
        let scheme = if request.secure { Scheme::HTTPS } else { Scheme::HTTP };
        if let Some(last) = &self.last
            && last.scheme() == Some(&scheme)
            && last.authority().is_some_and(|known| known.as_str() == request.authority)
            && last.path_and_query().is_some_and(|known| known.as_str() == request.path)
        {
            return Ok(last.clone());
        }
        let rooted = request.path.starts_with('/')
            || (request.method == Method::OPTIONS && request.path == "*");
        if !rooted || request.authority.contains('@') {
            return Err(Misuse::Target);
        }
        let authority =
            Authority::try_from(request.authority.as_str()).map_err(|_| Misuse::Target)?;
        let path = PathAndQuery::try_from(request.path.as_str()).map_err(|_| Misuse::Target)?;
        let builder = Uri::builder().scheme(scheme).authority(authority).path_and_query(path);
        let uri = builder.build().map_err(|_| Misuse::Target)?;
        self.last = Some(uri.clone());
        Ok(uri)
    }
}

/// The fields RFC 9113 §8.2.2 forbids, and those the codec writes itself.
const FORBIDDEN: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
];

/// As `FORBIDDEN`; apart because `HeaderName` has no constant for it.
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

fn may_be_sent(headers: &HeaderMap) -> bool {
    let te = headers.get_all(header::TE);
    FORBIDDEN.iter().all(|name| !headers.contains_key(name))
        && !headers.contains_key(PROXY_CONNECTION)
        && te.iter().all(|value| value == "trailers")
}

/// The size of a head as RFC 9113 §6.5.2 counts it.
pub(super) fn list_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(authority: &str, path: &str) -> Request {
        Request {
            method: Method::GET,
            secure: true,
            authority: authority.into(),
            path: path.into(),
            headers: HeaderMap::new(),
            body: Body::None,
        }
    }

    #[test]
    fn scheme_authority_and_path_are_the_requests_own() {
        let mut targets = Targets::default();
        for (authority, path) in [("a.example", "/x?y=1"), ("a.example:8443", "/"), ("b", "/")] {
            let request = get(authority, path);
            let uri = targets.convert(&request).unwrap().uri().clone();
            assert_eq!(uri.to_string(), format!("https://{authority}{path}"));
        }
    }

    #[test]
    fn what_http2_forbids_is_refused_before_it_is_queued() {
        let mut targets = Targets::default();
        assert_eq!(targets.check(&get("a example", "/")), Err(Misuse::Target));
        assert_eq!(targets.check(&get("u:p@a", "/")), Err(Misuse::Target));
        assert_eq!(targets.check(&get("a", "x")), Err(Misuse::Target));
        assert_eq!(targets.check(&get("", "/")), Err(Misuse::Target));
        for name in ["connection", "host", "content-length", "proxy-connection", "te"] {
            let mut request = get("a", "/");
            let name = HeaderName::from_static(name);
            request.headers.insert(name, HeaderValue::from_static("close"));
            assert_eq!(targets.check(&request), Err(Misuse::Header));
        }
        let mut request = get("a", "/");
        request.headers.insert(header::TE, HeaderValue::from_static("trailers"));
        assert_eq!(targets.check(&request), Ok(()));
    }
}
