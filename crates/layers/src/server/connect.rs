//! The proxy's side of CONNECT. RFC 9110 §9.3.6.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Wanted;
use crate::limits::{ANSWER_HEAD_MAX, ANSWER_LINES_MAX};
use crate::target::parse_authority;

/// Whom a proxy serves, and where to.
#[derive(Clone, Debug, Default)]
pub struct ConnectRules {
    /// User and password, if one must know them.
    pub credentials: Option<(String, String)>,
    /// Hosts that may be reached; any if empty.
    pub hosts: Vec<String>,
    /// Ports that may be reached; any if empty.
    pub ports: Vec<u16>,
}

/// One client of a CONNECT proxy.
#[derive(Debug)]
pub struct ConnectServer {
    rules: ConnectRules,
    head: Vec<u8>,
    output: Vec<u8>,
    wanted: Option<Wanted>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Asked,
    Open,
    Refused,
}

impl ConnectServer {
    /// A client under `rules`.
    #[must_use]
    pub fn new(rules: ConnectRules) -> Self {
        let (head, output, wanted) = (Vec::new(), Vec::new(), None);
        Self { rules, head, output, wanted, stage: Stage::Head }
    }

    /// Takes bytes up to the end of the request; what follows is the tunnel's.
    pub fn handle_input(&mut self, input: &[u8]) -> usize {
        for (at, &byte) in input.iter().enumerate() {
            if self.stage != Stage::Head {
                return at;
            }
            self.head.push(byte);
            if self.head.len() > ANSWER_HEAD_MAX {
                self.refuse(431);
            } else if self.head.ends_with(b"\r\n\r\n") {
                self.judge();
            }
        }
        input.len()
    }

    /// What the client wants, once.
    pub const fn poll_wanted(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }

    /// Answers 200: the tunnel is open.
    pub fn open(&mut self) {
        if self.stage == Stage::Asked {
            self.stage = Stage::Open;
            self.output.extend(b"HTTP/1.1 200 Connection established\r\n\r\n");
        }
    }

    /// Answers `status` and asks for the connection's end.
    pub fn refuse(&mut self, status: u16) {
        if matches!(self.stage, Stage::Head | Stage::Asked) {
            self.stage = Stage::Refused;
            let challenge = match status {
                407 => "Proxy-Authenticate: Basic realm=\"proxy\", charset=\"UTF-8\"\r\n",
                _ => "",
            };
            let head = format!(
                "HTTP/1.1 {status} Refused\r\n{challenge}Content-Length: 0\r\nConnection: close\r\n\r\n"
            );
            self.output.extend(head.into_bytes());
        }
    }

    /// All that is to be sent now.
    pub fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    /// Whether the tunnel is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether the client was refused: close when the answer is out.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.stage == Stage::Refused
    }

    fn judge(&mut self) {
        let head = core::mem::take(&mut self.head);
        self.stage = Stage::Asked;
        match self.request(&head) {
            Ok(wanted) => self.wanted = Some(wanted),
            Err(status) => self.refuse(status),
        }
    }

    fn request(&self, head: &[u8]) -> Result<Wanted, u16> {
        let mut lines = [httparse::EMPTY_HEADER; ANSWER_LINES_MAX];
        let mut request = httparse::Request::new(&mut lines);
        if !request.parse(head).is_ok_and(|status| status.is_complete()) {
            return Err(400);
        }
        if request.method != Some("CONNECT") {
            return Err(405);
        }
        if !self.knows(request.headers) {
            return Err(407);
        }
        let (host, port) = request.path.and_then(parse_authority).ok_or(400_u16)?;
        let allowed = (self.rules.hosts.is_empty() || self.rules.hosts.contains(&host))
            && (self.rules.ports.is_empty() || self.rules.ports.contains(&port));
        if allowed { Ok(Wanted { host, port }) } else { Err(403) }
    }

    fn knows(&self, headers: &[httparse::Header<'_>]) -> bool {
        let Some((user, password)) = &self.rules.credentials else { return true };
        let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.iter().any(|header| {
            header.name.eq_ignore_ascii_case("proxy-authorization")
                && header.value == expected.as_bytes()
        })
    }
}
