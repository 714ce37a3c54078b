//! What to ask and what was answered, the same for every version of HTTP.

use http::{HeaderMap, Method};

/// A request; each codec writes it its way.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Whether the scheme is `https` (or `wss`).
    pub secure: bool,
    /// `Host` or `:authority`: with the port unless it is the scheme's default (SS-510).
    pub authority: String,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// Everything else. The codec adds framing headers and `Host` itself.
    pub headers: HeaderMap,
    /// What follows the head.
    pub body: Body,
}

/// What follows a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    None,
    /// So many bytes, announced.
    Sized(u64),
    /// As it comes: chunked on h1, unframed DATA on h2 (SS-505).
    Unsized,
}

/// The head of a final (not 1xx) response, with trailers left out.
pub type Response = http::Response<()>;
