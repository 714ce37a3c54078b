//! A tunnel through a SOCKS5 proxy. RFC 1928, RFC 1929.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mainstay_base::{Peer, Policy, Reason};

use crate::limits::SOCKS_FIELD_MAX;
use crate::registry::Credentials;
use crate::spec::Socks5Spec;
use crate::target::authority;
use crate::tunnel::{Verdict, ViaAnswer};

/// RFC 1928 §3.
const VERSION: u8 = 5;
/// RFC 1928 §3.
const NO_AUTH: u8 = 0;
/// RFC 1928 §3.
const USER_PASSWORD: u8 = 2;
/// RFC 1928 §3.
const NO_METHOD: u8 = 0xff;
/// RFC 1929 §2.
const AUTH_VERSION: u8 = 1;
/// RFC 1928 §4.
const CONNECT: u8 = 1;
/// Address types. RFC 1928 §5.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// One negotiation. Its `Debug` form shows no message, for credentials stand in them.
pub(crate) struct Socks5 {
    output: Vec<u8>,
    /// Sent when the proxy asks for it.
    login: Option<Vec<u8>>,
    request: Vec<u8>,
    /// The answer to the current step as far as it came; at most 262 bytes.
    answer: Vec<u8>,
    step: Step,
    verdict: Option<Verdict>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Greeting,
    Login,
    Request,
    Over,
}

impl core::fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socks5").field("step", &self.step).finish_non_exhaustive()
    }
}

impl Socks5 {
    /// Asks for a tunnel to `host:port`.
    ///
    /// # Errors
    /// `Policy::Invalid` when a name, user or password is empty or longer than 255 bytes.
    pub(crate) fn new(
        spec: &Socks5Spec,
        credentials: Option<&Credentials>,
        host: &str,
        port: u16,
    ) -> Result<Self, Reason> {
        let mut request = vec![VERSION, CONNECT, 0];
        match host.parse() {
            Ok(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend(address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend(address.octets());
            }
            Err(_) => {
                request.push(NAME);
                push_field(&mut request, host)?;
            }
        }
        request.extend(port.to_be_bytes());
        let mut login = None;
        let mut output = vec![VERSION, 1, NO_AUTH];
        if let Some(Credentials { user, password }) = credentials {
            let mut message = vec![AUTH_VERSION];
            push_field(&mut message, user)?;
            push_field(&mut message, &password.0)?;
            login = Some(message);
            output = vec![VERSION, 2, NO_AUTH, USER_PASSWORD];
        } else if spec.optimistic {
            output.append(&mut request);
        }
        let (answer, step, verdict) = (Vec::new(), Step::Greeting, None);
        Ok(Self { output, login, request, answer, step, verdict })
    }

    pub(crate) fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.output)
    }

    pub(crate) const fn verdict(&mut self) -> Option<Verdict> {
        self.verdict.take()
    }

    /// Takes bytes up to the end of the last answer.
    pub(crate) fn handle_input(&mut self, input: &[u8]) -> usize {
        for (at, &byte) in input.iter().enumerate() {
            match self.step {
                Step::Over => return at,
                Step::Greeting | Step::Login | Step::Request => self.answer.push(byte),
            }
            self.judge();
        }
        input.len()
    }

    /// Looks whether the answer to the current step is whole, and goes on.
    fn judge(&mut self) {
        match (self.step, self.answer.as_slice()) {
            (Step::Greeting | Step::Request, [version, ..]) if *version != VERSION => {
                self.refuse(Peer::Malformed);
            }
            (Step::Greeting, [_, method]) => self.choose(*method),
            (Step::Login, [AUTH_VERSION, 0]) => self.ask(),
            (Step::Login, [AUTH_VERSION, _]) => self.refuse(Peer::ProxyAuth),
            (Step::Login, [_, _]) => self.refuse(Peer::Malformed),
            (Step::Request, [_, reply, ..]) if *reply != 0 => self.refuse(Peer::Socks(*reply)),
            (Step::Request, [_, _, _, kind, rest @ ..]) => match bound(*kind, rest) {
                Bound::Partial => {}
                Bound::Nonsense => self.refuse(Peer::Malformed),
                Bound::Whole(bound) => {
                    self.over(Verdict::Open(ViaAnswer::Bound(bound)));
                }
            },
            (Step::Greeting | Step::Login | Step::Request | Step::Over, _) => {}
        }
    }

    fn choose(&mut self, method: u8) {
        match (method, self.login.take()) {
            (NO_AUTH, _) => self.ask(),
            (USER_PASSWORD, Some(login)) => {
                self.output.extend(login);
                self.answer.clear();
                self.step = Step::Login;
            }
            (NO_METHOD, _) => self.refuse(Peer::ProxyAuth),
            _ => self.refuse(Peer::Malformed),
        }
    }

    fn ask(&mut self) {
        self.output.append(&mut self.request);
        self.answer.clear();
        self.step = Step::Request;
    }

    fn refuse(&mut self, peer: Peer) {
        self.over(Verdict::Refused(Reason::Peer(peer), None));
    }

    fn over(&mut self, verdict: Verdict) {
        self.step = Step::Over;
        self.answer = Vec::new();
        self.verdict = Some(verdict);
    }
}

fn push_field(message: &mut Vec<u8>, text: &str) -> Result<(), Reason> {
    let len = u8::try_from(text.len()).ok().filter(|&len| len > 0);
    message.push(len.ok_or(Reason::Policy(Policy::Invalid))?);
    message.extend(text.as_bytes());
    debug_assert!(text.len() <= SOCKS_FIELD_MAX, "a field's length is one byte");
    Ok(())
}

/// The address the proxy bound, behind its type.
enum Bound {
    Partial,
    Whole(String),
    Nonsense,
}

fn bound(kind: u8, rest: &[u8]) -> Bound {
    let len = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => match rest.first() {
            Some(&len) => 1 + usize::from(len),
            None => return Bound::Partial,
        },
        _ => return Bound::Nonsense,
    };
    let Some((address, &[high, low])) = rest.split_at_checked(len) else { return Bound::Partial };
    let host = match kind {
        IPV4 => address.try_into().map(|a: [u8; 4]| Ipv4Addr::from(a).to_string()),
        IPV6 => address.try_into().map(|a: [u8; 16]| Ipv6Addr::from(a).to_string()),
        _ => Ok(String::from_utf8_lossy(address.get(1..).unwrap_or_default()).into_owned()),
    };
    host.map_or(Bound::Nonsense, |host| {
        Bound::Whole(authority(&host, u16::from_be_bytes([high, low])))
    })
}
