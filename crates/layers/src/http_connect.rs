//! A tunnel through an HTTP proxy. RFC 9110 §9.3.6, RFC 9112 §3.2.3.

use core::fmt::Write as _;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainstay_base::{Peer, Policy, Reason};

use crate::limits::{ANSWER_HEAD_MAX, ANSWER_LINES_MAX, EXCERPT_MAX, INTERIM_ANSWERS_MAX};
use crate::registry::Credentials;
use crate::spec::HttpConnectSpec;
use crate::target::authority;
use crate::tunnel::{ProxyRefusal, Verdict, ViaAnswer};

/// One negotiation. Its `Debug` form shows no request, for credentials stand in it.
pub(crate) struct HttpConnect {
    request: Vec<u8>,
    /// The head of the answer as far as it came.
    head: Vec<u8>,
    interim: u8,
    verdict: Option<Verdict>,
    over: bool,
}

impl core::fmt::Debug for HttpConnect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HttpConnect").field("over", &self.over).finish_non_exhaustive()
    }
}

impl HttpConnect {
    /// Asks for a tunnel to `host:port`; the specification was checked. No digest, so the
    /// credentials go out unasked (RFC 7617 §2.2) and a 407 is final.
    ///
    /// # Errors
    /// `Policy::Invalid` for a user name with a colon.
    pub(crate) fn new(
        spec: &HttpConnectSpec,
        credentials: Option<&Credentials>,
        host: &str,
        port: u16,
    ) -> Result<Self, Reason> {
        let authority = authority(host, port);
        let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        if let Some(Credentials { user, password }) = credentials {
            if user.contains(':') {
                return Err(Reason::Policy(Policy::Invalid));
            }
            let token = STANDARD.encode(format!("{user}:{}", password.0));
            let _ = write!(request, "Proxy-Authorization: Basic {token}\r\n");
        }
        if let Some(agent) = &spec.user_agent {
            let _ = write!(request, "User-Agent: {agent}\r\n");
        }
        for (name, value) in &spec.headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        request.push_str("\r\n");
        let request = request.into_bytes();
        Ok(Self { request, head: Vec::new(), interim: 0, verdict: None, over: false })
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.request)
    }

    pub(crate) const fn verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }

    /// Takes bytes up to the end of one head.
    pub(crate) fn handle_input(&mut self, input: &[u8]) -> usize {
        for (at, &byte) in input.iter().enumerate() {
            if self.over {
                return at;
            }
            self.head.push(byte);
            if self.head.len() > ANSWER_HEAD_MAX {
                self.refuse(Peer::TooLarge);
            } else if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
                self.judge();
            }
        }
        input.len()
    }

    /// A whole head came.
    fn judge(&mut self) {
        let head = core::mem::take(&mut self.head);
        let mut lines = [httparse::EMPTY_HEADER; ANSWER_LINES_MAX];
        let mut answer = httparse::Response::new(&mut lines);
        let status = match answer.parse(&head) {
            Ok(httparse::Status::Complete(_)) => answer.code,
            Err(httparse::Error::TooManyHeaders) => return self.refuse(Peer::TooLarge),
            Ok(httparse::Status::Partial) | Err(_) => None,
        };
        match status {
            Some(100..=199) if self.interim < INTERIM_ANSWERS_MAX => self.interim += 1,
            Some(status @ 200..=299) => {
                self.over = true;
                self.verdict = Some(Verdict::Open(ViaAnswer::Status(status)));
            }
            Some(status @ 300..) => {
                let peer = if status == 407 { Peer::ProxyAuth } else { Peer::ProxyStatus(status) };
                self.over = true;
                let refusal = Box::new(refusal(status, &answer));
                self.verdict = Some(Verdict::Refused(Reason::Peer(peer), Some(refusal)));
            }
            Some(_) | None => self.refuse(Peer::Malformed),
        }
    }

    fn refuse(&mut self, peer: Peer) {
        self.over = true;
        self.head = Vec::new();
        self.verdict = Some(Verdict::Refused(Reason::Peer(peer), None));
    }
}

fn refusal(status: u16, answer: &httparse::Response<'_, '_>) -> ProxyRefusal {
    let mut excerpt = String::new();
    let mut retry_after = None;
    for header in &*answer.headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("retry-after") {
            let seconds =
                core::str::from_utf8(header.value).ok().and_then(|v| v.trim().parse().ok());
            retry_after = seconds.map(Duration::from_secs);
        }
        if is("set-cookie") || is("proxy-authenticate") || is("proxy-authentication-info") {
            continue;
        }
        let line = format!("{}: {}\n", header.name, String::from_utf8_lossy(header.value));
        if excerpt.len() + line.len() > EXCERPT_MAX {
            break;
        }
        excerpt.push_str(&line);
    }
    let mut phrase = answer.reason.unwrap_or_default().to_owned();
    phrase.truncate(phrase.floor_char_boundary(EXCERPT_MAX));
    ProxyRefusal { status, phrase, excerpt, retry_after }
}
