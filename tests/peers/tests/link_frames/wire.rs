//! Frames written and read by hand, byte for byte; a second opinion beside the project's own parsers.

use core::net::Ipv4Addr;

/// The kernel's address.
pub(crate) const KERNEL: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The address on our side of the link.
pub(crate) const OURS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Its Ethernet address.
pub(crate) const OURS_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// An Ethernet header of ours.
pub(crate) fn ethernet(target: [u8; 6], kind: u16) -> [u8; 14] {
    let mut header = [0; 14];
    header[..6].copy_from_slice(&target);
    header[6..12].copy_from_slice(&OURS_MAC);
    header[12..].copy_from_slice(&kind.to_be_bytes());
    header
}

/// A question (1) or an answer (2) of ours. RFC 826.
pub(crate) fn arp(operation: u8, target: [u8; 6], about: Ipv4Addr) -> Vec<u8> {
    let mut frame = ethernet(target, 0x0806).to_vec();
    frame.extend([0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(OURS_MAC);
    frame.extend(OURS.octets());
    frame.extend(if operation == 1 { [0; 6] } else { target });
    frame.extend(about.octets());
    frame
}

pub(crate) fn is_arp_for(frame: &[u8], wanted: Ipv4Addr) -> bool {
    frame.len() >= 42
        && frame[12..14] == [8, 6]
        && frame[21] == 1
        && frame[38..42] == wanted.octets()
}

pub(crate) fn is_arp_from(frame: &[u8], sender: Ipv4Addr) -> bool {
    frame.len() >= 42
        && frame[12..14] == [8, 6]
        && frame[21] == 2
        && frame[28..32] == sender.octets()
}

pub(crate) fn is_udp(frame: &[u8]) -> bool {
    frame.len() >= 42 && frame[12..14] == [8, 0] && frame[23] == UDP
}

/// An IPv4 header of ours, towards the kernel.
fn ipv4(protocol: u8, len: usize) -> [u8; 20] {
    let total = u16::try_from(20 + len).unwrap().to_be_bytes();
    let mut header =
        [0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, protocol, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[12..16].copy_from_slice(&OURS.octets());
    header[16..].copy_from_slice(&KERNEL.octets());
    let sum = !sum(&[&header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    header
}

/// The sum of parts of even length (but the last), not complemented. RFC 1071.
fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 =
        words.map(|w| u32::from(w[0]) << 8 | u32::from(w.get(1).copied().unwrap_or(0))).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    u16::try_from(sum).unwrap()
}

/// What a checksum left to somebody else holds.
fn pseudo(protocol: u8, len: usize) -> u16 {
    let len = u16::try_from(len).unwrap().to_be_bytes();
    sum(&[&OURS.octets(), &KERNEL.octets(), &[0, protocol], &len])
}

/// The sum over everything that a packet's UDP or TCP checksum protects: `0xffff` if that is right.
pub(crate) fn transport_sum(packet: &[u8]) -> u16 {
    let len = u16::try_from(packet.len() - 20).unwrap().to_be_bytes();
    sum(&[&packet[12..20], &[0, packet[9]], &len, &packet[20..]])
}

/// An answer to a frame with a datagram, whose checksum is left to the kernel.
pub(crate) fn udp_reply(frame: &[u8], text: &[u8]) -> Vec<u8> {
    let len = 8 + text.len();
    let mut reply = ethernet(frame[6..12].try_into().unwrap(), 0x0800).to_vec();
    reply.extend(ipv4(UDP, len));
    reply.extend(&frame[36..38]);
    reply.extend(&frame[34..36]);
    reply.extend(u16::try_from(len).unwrap().to_be_bytes());
    reply.extend(pseudo(UDP, len).to_be_bytes());
    reply.extend(text);
    reply
}

/// An echo request, as an IP packet. RFC 792.
pub(crate) fn ping(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut echo = [8, 0, 0, 0, 0, 1, high, low];
    let sum = !sum(&[&echo]);
    echo[2..4].copy_from_slice(&sum.to_be_bytes());
    [&ipv4(ICMP, echo.len())[..], &echo].concat()
}

pub(crate) fn is_pong(packet: &[u8], number: u16) -> bool {
    packet.len() >= 28
        && packet[0] == 0x45
        && packet[9] == ICMP
        && packet[20] == 0
        && packet[26..28] == number.to_be_bytes()
}

/// Whether TCP begins at `at`, with the kernel's SYN.
pub(crate) fn is_syn(frame: &[u8], at: usize) -> bool {
    frame.len() >= at + 20
        && frame[at - 20] == 0x45
        && frame[at - 11] == TCP
        && frame[at + 13] == 0x02
}

/// Our side of a connection that the kernel opens.
pub(crate) struct Tcp {
    /// What stands before IP.
    link: Vec<u8>,
    ports: [u8; 4],
    acknowledged: u32,
}

impl Tcp {
    pub(crate) fn answering(syn: &[u8], at: usize) -> Self {
        let link = if at == 34 {
            ethernet(syn[6..12].try_into().unwrap(), 0x0800).to_vec()
        } else {
            Vec::new()
        };
        let ports = [syn[at + 2], syn[at + 3], syn[at], syn[at + 1]];
        let sequence = u32::from_be_bytes(syn[at + 4..at + 8].try_into().unwrap());
        Self { link, ports, acknowledged: sequence.wrapping_add(1) }
    }

    pub(crate) fn syn_ack(&self, mss: u16) -> Vec<u8> {
        let [high, low] = mss.to_be_bytes();
        self.headers(1000, 0x12, &[2, 4, high, low], 0)
    }

    /// The headers of our first text.
    pub(crate) fn text_header(&self, len: usize) -> Vec<u8> {
        self.headers(1001, 0x18, &[], len)
    }

    fn headers(&self, sequence: u32, flags: u8, options: &[u8], text: usize) -> Vec<u8> {
        let len = 20 + options.len();
        let mut headers = self.link.clone();
        headers.extend(ipv4(TCP, len + text));
        headers.extend(self.ports);
        headers.extend(sequence.to_be_bytes());
        headers.extend(self.acknowledged.to_be_bytes());
        headers.extend([u8::try_from(len / 4 * 16).unwrap(), flags, 0xff, 0xff]);
        headers.extend(pseudo(TCP, len + text).to_be_bytes());
        headers.extend([0, 0]);
        headers.extend(options);
        headers
    }
}
