//! The proxy's side of SOCKS5. RFC 1928, RFC 1929.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Wanted;

/// Whom a proxy serves.
#[derive(Clone, Debug, Default)]
pub struct Socks5Rules {
    /// User and password, if one must know them.
    pub credentials: Option<(String, String)>,
}

/// One client of a SOCKS5 proxy.
#[derive(Debug)]
pub struct Socks5Server {
    rules: Socks5Rules,
    message: Vec<u8>,
    output: Vec<u8>,
    wanted: Option<Wanted>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting,
    Login,
    Request,
    Asked,
    Open,
    Refused,
}

impl Socks5Server {
    /// A client under `rules`.
    #[must_use]
    pub fn new(rules: Socks5Rules) -> Self {
        let (message, output, wanted) = (Vec::new(), Vec::new(), None);
        Self { rules, message, output, wanted, stage: Stage::Greeting }
    }

    /// Takes bytes up to the end of the request; what follows is the tunnel's.
    pub fn handle_input(&mut self, input: &[u8]) -> usize {
        for (at, &byte) in input.iter().enumerate() {
            if matches!(self.stage, Stage::Asked | Stage::Open | Stage::Refused) {
                return at;
            }
            self.message.push(byte);
            self.judge();
        }
        input.len()
    }

    /// What the client wants, once.
    pub const fn poll_wanted(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }

    /// Answers that the tunnel is open, bound to `address`.
    pub fn open(&mut self, address: SocketAddr) {
        if self.stage == Stage::Asked {
            self.stage = Stage::Open;
            self.reply(0, address);
        }
    }

    /// Answers `reply`, any code.
    pub fn refuse(&mut self, reply: u8) {
        if self.stage == Stage::Asked {
            self.stage = Stage::Refused;
            self.reply(reply, SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
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

    fn reply(&mut self, code: u8, address: SocketAddr) {
        self.output.extend([5, code, 0]);
        match address.ip() {
            IpAddr::V4(ip) => {
                self.output.push(1);
                self.output.extend(ip.octets());
            }
            IpAddr::V6(ip) => {
                self.output.push(4);
                self.output.extend(ip.octets());
            }
        }
        self.output.extend(address.port().to_be_bytes());
    }

    fn judge(&mut self) {
        match (self.stage, self.message.as_slice()) {
            (Stage::Greeting | Stage::Request, [version, ..]) if *version != 5 => self.hang_up(&[]),
            (Stage::Greeting, [_, count, methods @ ..]) if methods.len() == usize::from(*count) => {
                let wanted = if self.rules.credentials.is_some() { 2 } else { 0 };
                if methods.contains(&wanted) {
                    self.output.extend([5, wanted]);
                    self.go(if wanted == 2 { Stage::Login } else { Stage::Request });
                } else {
                    self.hang_up(&[5, 0xff]);
                }
            }
            (Stage::Login, [_, user_len, rest @ ..]) => {
                let Some((user, rest)) = rest.split_at_checked(usize::from(*user_len)) else {
                    return;
                };
                let Some((&len, password)) = rest.split_first() else { return };
                if password.len() < usize::from(len) {
                    return;
                }
                let known = self.rules.credentials.as_ref();
                if known.is_some_and(|(u, p)| u.as_bytes() == user && p.as_bytes() == password) {
                    self.output.extend([1, 0]);
                    self.go(Stage::Request);
                } else {
                    self.hang_up(&[1, 1]);
                }
            }
            (Stage::Request, [_, command, _, kind, rest @ ..]) => {
                let (command, asked) = (*command, asked(*kind, rest));
                self.ask(command, asked);
            }
            _ => {}
        }
    }

    fn ask(&mut self, command: u8, asked: Option<Option<Wanted>>) {
        match asked {
            None => {}
            Some(Some(wanted)) if command == 1 => {
                self.wanted = Some(wanted);
                self.go(Stage::Asked);
            }
            // BIND and UDP ASSOCIATE: 7. Unknown address type: 8. RFC 1928 §6.
            Some(known) => {
                self.go(Stage::Asked);
                self.refuse(if known.is_some() { 7 } else { 8 });
            }
        }
    }

    fn go(&mut self, stage: Stage) {
        self.message = Vec::new();
        self.stage = stage;
    }

    fn hang_up(&mut self, last: &[u8]) {
        self.output.extend(last);
        self.go(Stage::Refused);
    }
}

/// `None` while the address is not whole, `Some(None)` for an unknown type.
fn asked(kind: u8, rest: &[u8]) -> Option<Option<Wanted>> {
    let len = match kind {
        1 => 4,
        4 => 16,
        3 => 1 + usize::from(*rest.first()?),
        _ => return Some(None),
    };
    let (address, port) = rest.split_at_checked(len)?;
    let port = u16::from_be_bytes(port.try_into().ok()?);
    let host = match kind {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(address).ok()?).to_string(),
        4 => Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).to_string(),
        _ => String::from_utf8_lossy(address.get(1..)?).into_owned(),
    };
    Some(Some(Wanted { host, port }))
}
