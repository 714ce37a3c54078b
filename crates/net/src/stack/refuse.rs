//! Telling a peer no: ICMP errors, and when none may be sent.
//!
//! RFC 1122 §3.2.2, RFC 1812 §4.3.2.7 and RFC 4443 §2.4 (e) say about what none is: errors, what went or came to many,
//! fragments but the first. All of them together leave at a limited rate.

use super::Stack;
use super::output::Outgoing;
use super::packet::Packet;
use crate::error::increase;
use crate::interface::To;
use alloc::vec::Vec;
use core::net::IpAddr;
use mainstay_base::Instant;
use mainstay_wire::ip::Protocol;
use mainstay_wire::ipv6::Problem;
use mainstay_wire::{icmpv4, icmpv6};

/// What is wrong with a packet.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// Nobody listens at the port.
    PortUnreachable,
    /// Nobody speaks the protocol (IPv4; IPv6 has a problem).
    ProtocolUnreachable,
    /// Its fragments did not all come in time.
    ReassemblyExceeded,
    /// A header is not understood (IPv6).
    Problem(Problem),
}

impl Stack {
    /// Tells the sender of `about`; says whether that may be, and was tried.
    pub(super) fn refuse(&mut self, now: Instant, about: &Packet<'_>, refusal: Refusal) -> bool {
        if !may_be_told(about, refusal) || !self.errors_sent.is_open(now) {
            if may_be_told(about, refusal) {
                increase(&mut self.counters.errors_withheld);
            }
            return false;
        }
        let hop = self.hop(about.source, Some(about.interface));
        let hop = hop.or_else(|| self.hop(about.source, None));
        let Some(hop) = hop else { return false };
        let source = match about.to {
            To::Us => Some(about.destination),
            To::Group | To::All => self.source_for(about.source, hop.interface),
        };
        let Some(source) = source else { return false };
        let Some(message) = message(source, about, refusal) else { return false };
        let protocol = if source.is_ipv4() { Protocol::ICMPV4 } else { Protocol::ICMPV6 };
        let out = Outgoing::plain(source, about.source, protocol, self.config.hop_limit);
        let _taken = self.errors_sent.take(now);
        if self.send(now, hop, &out, &message).is_ok() {
            increase(&mut self.counters.errors_sent);
        }
        true
    }
}

fn may_be_told(about: &Packet<'_>, refusal: Refusal) -> bool {
    let even_to_groups = matches!(refusal, Refusal::Problem(problem) if problem.even_to_groups);
    let to_one = about.to == To::Us && !about.facts.to_group || even_to_groups;
    let from_one = !about.source.is_unspecified() && !about.source.is_multicast();
    to_one && from_one && !is_error(about)
}

/// Whether a packet is itself an ICMP message that is never answered by an error. For IPv4 that is all but echo requests:
/// RFC 1122 forbids answering errors, and answering answers is of no use.
fn is_error(about: &Packet<'_>) -> bool {
    const ECHO_REQUEST_V4: u8 = 8; // IANA
    const FIRST_INFORMATIONAL_V6: u8 = 128; // RFC 4443 §2.1
    const REDIRECT_V6: u8 = 137; // IANA
    let kind = about.payload.first().copied();
    match about.protocol {
        Protocol::ICMPV4 => kind != Some(ECHO_REQUEST_V4),
        Protocol::ICMPV6 => kind.is_none_or(|k| k < FIRST_INFORMATIONAL_V6 || k == REDIRECT_V6),
        _ => false,
    }
}

/// The message, with as much of the packet as it may quote.
fn message(source: IpAddr, about: &Packet<'_>, refusal: Refusal) -> Option<Vec<u8>> {
    let quote_max = if source.is_ipv4() { icmpv4::QUOTE_MAX } else { icmpv6::QUOTE_MAX };
    let all = about.head.iter().chain(about.payload).copied();
    let quote: Vec<u8> = all.take(quote_max).collect();
    let quote = quote.as_slice();
    let mut message = alloc::vec![0; icmpv6::HEADER_LEN + quote.len()];
    match (source, about.source) {
        (IpAddr::V4(_), IpAddr::V4(_)) => {
            let unreachable = |code| icmpv4::Message::Unreachable { code, mtu: 0, quote };
            let said = match refusal {
                Refusal::PortUnreachable => unreachable(icmpv4::PORT_UNREACHABLE),
                Refusal::ProtocolUnreachable => unreachable(icmpv4::PROTOCOL_UNREACHABLE),
                Refusal::ReassemblyExceeded => icmpv4::Message::TimeExceeded { code: 1, quote },
                Refusal::Problem(_) => return None,
            };
            said.emit(&mut message)?;
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let said = match refusal {
                Refusal::PortUnreachable => {
                    icmpv6::Message::Unreachable { code: icmpv6::PORT_UNREACHABLE, quote }
                }
                Refusal::ReassemblyExceeded => icmpv6::Message::TimeExceeded { code: 1, quote },
                Refusal::Problem(Problem { code, pointer, .. }) => {
                    icmpv6::Message::ParameterProblem { code, pointer, quote }
                }
                Refusal::ProtocolUnreachable => return None,
            };
            said.emit(source, destination, &mut message)?;
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    }
    Some(message)
}
