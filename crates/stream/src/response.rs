//! What a response's status and headers mean for a stream (SS-500 to SS-504).

use crate::limits::{DRAIN_MAX, REDIRECTS_MAX};
use crate::opening::address::Address;
use core::time::Duration;
use mainstay_base::{Peer, Reason};
use mainstay_http::Response;
use mainstay_http::http::header::{CONTENT_LENGTH, DATE, LOCATION, RETRY_AFTER};
use mainstay_http::http::{HeaderMap, HeaderName, Method, StatusCode};
use mainstay_policy::State;
use mainstay_policy::model::Http;

/// What to do about a response's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An answer: CONNECTED.
    Answer,
    /// The attempt failed; retry no sooner than this.
    Failed(Reason, Duration),
    /// Ask there instead.
    Follow(Box<Redirect>),
}

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) to: Address,
    pub(crate) method: Method,
    /// Another authority than the policy's: it must not see credentials.
    pub(crate) foreign: bool,
    /// How many were followed, this one included.
    pub(crate) count: u8,
}

/// What was asked.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) address: &'a Address,
    pub(crate) path: &'a str,
    pub(crate) method: &'a Method,
    /// The redirect that led here.
    pub(crate) before: Option<&'a Redirect>,
}

/// Judges the head of an HTTP response.
pub(crate) fn judge(response: &Response, asked: &Asked<'_>, http: &Http) -> Verdict {
    let status = response.status();
    match status.as_u16() {
        503 | 429 => Verdict::Failed(
            Reason::Peer(Peer::Status(status.as_u16())),
            retry_after(response.headers()).unwrap_or_default(),
        ),
        301 | 302 | 303 | 307 | 308 => follow(response, asked, http).map_or_else(
            || Verdict::Failed(Reason::Peer(Peer::Redirect(status.as_u16())), Duration::ZERO),
            |redirect| Verdict::Follow(Box::new(redirect)),
        ),
        _ => Verdict::Answer,
    }
}

/// Where to, or `None` if it may not be followed (SS-504).
fn follow(response: &Response, asked: &Asked<'_>, http: &Http) -> Option<Redirect> {
    let count = asked.before.map_or(0, |before| before.count) + 1;
    if !http.allow_redirects || count > REDIRECTS_MAX {
        return None;
    }
    let location = text(response.headers(), &LOCATION)?;
    let to = asked.address.join(asked.path, location)?;
    if asked.address.tls && !to.tls {
        return None;
    }
    let keeps = matches!(
        response.status(),
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
    );
    let method =
        if keeps || asked.method == Method::HEAD { asked.method.clone() } else { Method::GET };
    let foreign = asked.before.is_some_and(|before| before.foreign)
        || to.place != asked.address.place
        || to.tls != asked.address.tls;
    Some(Redirect { to, method, foreign, count })
}

/// How long a server asks to be left alone: seconds, or an HTTP date against its own Date header
/// (RFC 9110 §10.2.3). Without a Date there is no clock to compare with.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let wish = text(headers, &RETRY_AFTER)?.trim();
    if let Ok(seconds) = wish.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(wish).ok()?;
    let now = httpdate::parse_http_date(text(headers, &DATE)?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

/// Whether the body of a response nobody wants is announced and short enough to be read.
pub(crate) fn is_short(headers: &HeaderMap) -> bool {
    let length = text(headers, &CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    length.is_some_and(|length| length <= DRAIN_MAX)
}

/// Whether the peer did what was asked (SS-501).
pub(crate) const fn is_success(status: u16, http: &Http) -> bool {
    if http.expect == 0 { matches!(status, 200..=299) } else { status == http.expect }
}

/// The state a status is mapped to (SS-502).
pub(crate) fn mapped(status: u16, http: &Http) -> Option<State> {
    let &(_, number) = http.resp_map.iter().find(|&&(from, _)| from == status)?;
    number.checked_sub(1000).and_then(|n| u16::try_from(n).ok()).map(State::User)
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
