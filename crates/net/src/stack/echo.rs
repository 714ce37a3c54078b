//! Asking whether somebody is there: echo requests of ours, and who answered.

use super::Stack;
use super::output::Outgoing;
use crate::error::{Ignored, Misuse};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_wire::icmpv4::Echo;
use mainstay_wire::ip::Protocol;
use mainstay_wire::{icmpv4, icmpv6};

/// How long an answer is waited for. chosen: longer than any path that is of use
const ECHO_WAIT: Duration = Duration::from_secs(10);

/// An echo request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoReply {
    /// Who answered.
    pub source: IpAddr,
    /// As it was asked.
    pub ident: u16,
    /// As it was asked.
    pub sequence: u16,
}

/// The requests whose answer is waited for.
#[derive(Clone, Debug)]
pub(super) struct Echoes {
    waiting: Vec<Waiting>,
    count_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    asked: EchoReply,
    until: Instant,
    replied: bool,
}

impl Echoes {
    pub(super) const fn new(count_max: usize) -> Self {
        Self { waiting: Vec::new(), count_max }
    }

    fn ask(&mut self, now: Instant, asked: EchoReply) -> Result<(), Misuse> {
        if self.waiting.iter().any(|w| w.asked == asked) {
            return Err(Misuse::InUse);
        }
        if self.waiting.len() >= self.count_max {
            return Err(Misuse::Full);
        }
        self.waiting.push(Waiting { asked, until: now + ECHO_WAIT, replied: false });
        Ok(())
    }

    pub(super) fn replied(&mut self, source: IpAddr, echo: Echo<'_>) -> Result<(), Ignored> {
        let reply = EchoReply { source, ident: echo.ident, sequence: echo.sequence };
        let waiting = self.waiting.iter_mut().find(|w| w.asked == reply && !w.replied);
        waiting.ok_or(Ignored::EchoUnasked)?.replied = true;
        Ok(())
    }

    pub(super) fn is_waiting(&self, destination: IpAddr, ident: u16) -> bool {
        self.waiting.iter().any(|w| w.asked.source == destination && w.asked.ident == ident)
    }

    pub(super) fn poll_replied(&mut self) -> Option<EchoReply> {
        let at = self.waiting.iter().position(|w| w.replied)?;
        Some(self.waiting.remove(at).asked)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.waiting.retain(|w| w.replied || now < w.until);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.iter().filter(|w| !w.replied).map(|w| w.until).min()
    }
}

impl Stack {
    /// Asks whether somebody is at `destination`; the answer is [`super::Event::EchoReplied`]. Waits ten seconds for
    /// it.
    ///
    /// # Errors
    /// `NoRoute`, `NoSource`, `Unreachable`, `NoRoom`; `InUse` if the same is being asked; `Full` if too much is;
    /// `TooLong`; `Address` if it is no host's.
    pub fn send_echo(
        &mut self,
        now: Instant,
        destination: IpAddr,
        (ident, sequence): (u16, u16),
        payload: &[u8],
    ) -> Result<(), Misuse> {
        if destination.is_multicast() || destination.is_unspecified() {
            return Err(Misuse::Address);
        }
        let hop = self.hop(destination, None).ok_or(Misuse::NoRoute)?;
        let source = self.source_for(destination, hop.interface).ok_or(Misuse::NoSource)?;
        let echo = Echo { ident, sequence, data: payload };
        let message = message(source, destination, echo, false).ok_or(Misuse::TooLong)?;
        let protocol = if source.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
        let out = Outgoing::plain(source, destination, protocol, self.config.hop_limit);
        let asked = EchoReply { source: destination, ident, sequence };
        self.echoes.ask(now, asked)?;
        let sent = self.send(now, hop, &out, &message);
        if sent.is_err() {
            self.echoes.waiting.retain(|w| w.asked != asked);
        }
        sent
    }
}

/// A request or its answer.
pub(super) fn message(
    source: IpAddr,
    destination: IpAddr,
    echo: Echo<'_>,
    reply: bool,
) -> Option<Vec<u8>> {
    let mut bytes = alloc::vec![0; icmpv4::HEADER_LEN + echo.data.len()];
    match (source, destination) {
        (IpAddr::V4(_), IpAddr::V4(_)) if reply => {
            icmpv4::Message::EchoReply(echo).emit(&mut bytes)?
        }
        (IpAddr::V4(_), IpAddr::V4(_)) => icmpv4::Message::EchoRequest(echo).emit(&mut bytes)?,
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let request = icmpv6::Message::EchoRequest(echo);
            let said = if reply { icmpv6::Message::EchoReply(echo) } else { request };
            said.emit(source, destination, &mut bytes)?
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    Some(bytes)
}
