//! The Internet checksum (RFC 1071), over as many slices as there are and wherever they are cut (TCP-610).
//!
//! Knows the pseudo-headers of both IP versions, and no format: where a checksum stands is the format's business.

use core::net::IpAddr;

/// A sum that grows slice by slice. Cheap to copy: what never changes may be summed once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    /// Folded, of words in the machine's byte order: a ones-complement sum may be swapped once at the end.
    sum: u16,
    /// An odd number of bytes was added, so the next one is the low half of a word.
    odd: bool,
}

impl Checksum {
    /// The sum of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0, odd: false }
    }

    /// The sum of the pseudo-header above which TCP, UDP and `ICMPv6` put theirs; `len` counts the bytes from the
    /// transport header on. RFC 9293 §3.1, RFC 8200 §8.1
    #[must_use]
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn pseudo(source: IpAddr, destination: IpAddr, protocol: u8, len: u32) -> Self {
        let rest = (u64::from(len) << 32) | u64::from(protocol);
        let sum = around(around(address(source), address(destination)), rest.to_be());
        Self { sum: fold(sum), odd: false }
    }

    /// Adds what follows.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        let sum = native(bytes);
        self.sum = plus(self.sum, if self.odd { sum.swap_bytes() } else { sum });
        self.odd ^= bytes.len() % 2 == 1;
    }

    /// The sum, not complemented: what stands in the field when the device completes it (virtio, `NEEDS_CSUM`).
    #[must_use]
    #[inline]
    pub const fn partial(&self) -> u16 {
        u16::from_be(self.sum)
    }

    /// What goes into the field. That UDP writes 0xffff for zero is the business of `udp`.
    #[must_use]
    #[inline]
    pub const fn finish(&self) -> u16 {
        !self.partial()
    }

    /// Whether what was added, its checksum among it, is unharmed.
    #[must_use]
    #[inline]
    pub const fn is_valid(&self) -> bool {
        self.sum == 0xffff
    }
}

/// The sum of an address in the machine's byte order, not folded.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
const fn address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u32::from_ne_bytes(address.octets()) as u64,
        IpAddr::V6(address) => {
            let bits = u128::from_ne_bytes(address.octets());
            around(low(bits), low(bits >> 64))
        }
    }
}

/// The low half, on purpose.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the halves are summed one by one")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

/// The checksum of `bytes` alone, as IPv4, `ICMPv4` and IGMP have it. The field itself must be zero.
#[must_use]
#[inline]
pub fn of(bytes: &[u8]) -> u16 {
    let mut sum = Checksum::new();
    sum.add(bytes);
    sum.finish()
}

/// Whether `transport`, from its header to its end, carries the right checksum for these addresses.
#[must_use]
#[inline]
pub fn verify(source: IpAddr, destination: IpAddr, protocol: u8, transport: &[u8]) -> bool {
    let Ok(len) = u32::try_from(transport.len()) else { return false };
    let mut sum = Checksum::pseudo(source, destination, protocol, len);
    sum.add(transport);
    sum.is_valid()
}

/// The folded sum of `bytes` in the machine's byte order, as if a zero followed an odd last byte.
#[inline]
fn native(bytes: &[u8]) -> u16 {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut lanes = [0_u64; 4];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = around(*lane, u64::from_ne_bytes(*word));
        }
    }
    let [a, b, c, d] = lanes;
    let mut sum = around(around(a, b), around(c, d));
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        sum = around(sum, u64::from_ne_bytes(*word));
    }
    around_rest(sum, rest)
}

/// Adds at most seven bytes and folds.
#[inline]
fn around_rest(mut sum: u64, mut rest: &[u8]) -> u16 {
    if let Some((word, after)) = rest.split_first_chunk::<4>() {
        sum = around(sum, u32::from_ne_bytes(*word).into());
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk::<2>() {
        sum = around(sum, u16::from_ne_bytes(*word).into());
        rest = after;
    }
    if let Some(last) = rest.first() {
        sum = around(sum, u16::from_ne_bytes([*last, 0]).into());
    }
    fold(sum)
}

/// Ones-complement addition: the carry comes around.
#[inline]
const fn around(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(carry as u64) // cannot carry again
}

#[inline]
const fn plus(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum.wrapping_add(carry as u16) // cannot carry again
}

#[inline]
fn fold(sum: u64) -> u16 {
    let [a, b, c, d, e, f, g, h] = sum.to_ne_bytes();
    let quarter = |x, y| u16::from_ne_bytes([x, y]);
    plus(plus(quarter(a, b), quarter(c, d)), plus(quarter(e, f), quarter(g, h)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    #[test]
    fn the_example_of_the_rfc_sums_to_what_the_rfc_says() {
        // RFC 1071 §3
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        let mut sum = Checksum::new();
        sum.add(&bytes);
        assert_eq!(sum.partial(), 0xddf2);
        assert_eq!(sum.finish(), 0x220d);
        sum.add(&sum.finish().to_be_bytes());
        assert!(sum.is_valid());
    }

    #[test]
    fn the_usual_example_of_an_ipv4_header_is_valid_and_one_flipped_bit_is_not() {
        let mut header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        assert_eq!(of(&header), 0);
        header[10..12].fill(0);
        assert_eq!(of(&header), 0xb861);
        header[19] ^= 4;
        assert_ne!(of(&header), 0xb861);
    }

    #[test]
    fn zeros_alone_are_never_valid() {
        let mut sum = Checksum::new();
        sum.add(&[0; 40]);
        assert!(!sum.is_valid());
        assert_eq!(sum.finish(), 0xffff);
    }

    #[test]
    fn both_pseudo_headers_are_those_of_the_rfcs() {
        let v4 = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let mut plain = Checksum::new();
        plain.add(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0x12, 0x34]);
        assert_eq!(Checksum::pseudo(v4(1), v4(2), 6, 0x1234).partial(), plain.partial());

        let a = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let b = Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 4);
        let mut plain = Checksum::new();
        plain.add(&a.octets());
        plain.add(&b.octets());
        plain.add(&[0, 1, 0x12, 0x34, 0, 0, 0, 58]);
        let pseudo = Checksum::pseudo(a.into(), b.into(), 58, 0x1_1234);
        assert_eq!(pseudo.partial(), plain.partial());
    }
}
