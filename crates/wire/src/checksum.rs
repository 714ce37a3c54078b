//! The Internet checksum (RFC 1071), over as many slices as there are and wherever they are cut (TCP-610).
//!
//! Knows the pseudo-headers of both IP versions, and no format: where a checksum stands is the format's business.

use core::net::{IpAddr, Ipv6Addr};

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

    /// The same of addresses in sixteen octets each, IPv4 ones as IPv4-mapped ones: what those begin with adds nothing to
    /// a ones-complement sum that is not zero. RFC 4291 §2.5.5.2
    #[must_use]
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    pub fn pseudo_mapped(source: [u8; 16], destination: [u8; 16], protocol: u8, len: u32) -> Self {
        let (source, destination) = (source.into(), destination.into());
        Self::pseudo_between(&source, &destination, protocol, len)
    }

    /// The same of addresses where they lie.
    #[must_use]
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn pseudo_between(
        source: &Ipv6Addr,
        destination: &Ipv6Addr,
        protocol: u8,
        len: u32,
    ) -> Self {
        let rest = (u64::from(len) << 32) | u64::from(protocol);
        let sum =
            around(around(mapped(source.octets()), mapped(destination.octets())), rest.to_be());
        Self { sum: fold(sum), odd: false }
    }

    /// Adds what follows, and copies it to the start of `to` in the same pass over memory (TCP-612); `to` is at least
    /// as long.
    #[inline]
    pub fn copy(&mut self, bytes: &[u8], to: &mut [u8]) {
        let (blocks, rest) = bytes.as_chunks::<64>();
        let (places, _) = to.as_chunks_mut::<64>();
        let mut lanes = Lanes::default();
        for (block, place) in blocks.iter().zip(places) {
            *place = *block;
            lanes.add(block);
        }
        let end = blocks.len().saturating_mul(64)..bytes.len();
        if let Some(place) = to.get_mut(end) {
            place.copy_from_slice(rest);
        }
        self.add_native(around_words(lanes.sum(), rest), bytes.len());
    }

    /// Adds what follows.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn add(&mut self, bytes: &[u8]) {
        let sum = if cfg!(target_os = "none") { by_words(bytes) } else { native(bytes) };
        self.add_native(sum, bytes.len());
    }

    /// Adds the sum of `len` bytes.
    #[inline]
    const fn add_native(&mut self, sum: u16, len: usize) {
        self.sum = plus(self.sum, if self.odd { sum.swap_bytes() } else { sum });
        self.odd ^= len % 2 == 1;
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
        IpAddr::V6(address) => mapped(address.octets()),
    }
}

/// The sum of sixteen octets in the machine's byte order, not folded.
#[inline]
const fn mapped(octets: [u8; 16]) -> u64 {
    let bits = u128::from_ne_bytes(octets);
    around(low(bits), low(bits >> 64))
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
    let (blocks, rest) = bytes.as_chunks::<64>();
    let mut lanes = Lanes::default();
    for block in blocks {
        lanes.add(block);
    }
    around_words(lanes.sum(), rest)
}

/// The same in little text, for machines that add 32 bits at once.
fn by_words(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    let mut sum = u64::from(u32::from_ne_bytes(last));
    for word in words {
        sum = sum.wrapping_add(u32::from_ne_bytes(*word).into()); // at most 2^32 of them
    }
    fold(sum)
}

/// Four sums that do not wait for each other's carries. measured: 36 bytes a nanosecond; half as many lanes are slower,
/// chains of carries and vectors of the plain x86-64 are no faster
#[derive(Default)]
struct Lanes([u64; 4]);

impl Lanes {
    #[inline]
    fn add(&mut self, block: &[u8; 64]) {
        let (words, _) = block.as_chunks::<8>();
        let (near, far) = words.split_at(4);
        for (lane, (near, far)) in self.0.iter_mut().zip(near.iter().zip(far)) {
            *lane = around(*lane, u64::from_ne_bytes(*near));
            *lane = around(*lane, u64::from_ne_bytes(*far));
        }
    }

    #[inline]
    const fn sum(&self) -> u64 {
        let [a, b, c, d] = self.0;
        around(around(a, b), around(c, d))
    }
}

/// Adds less than a block and folds.
#[inline]
fn around_words(mut sum: u64, rest: &[u8]) -> u16 {
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

/// Each half is added to the other: what is carried out of the lower one is what is carried around in the upper one.
#[inline]
fn fold(sum: u64) -> u16 {
    let [_, half] = halves(sum.wrapping_add(sum.rotate_left(32)));
    let both = half.wrapping_add(half.rotate_left(16));
    let [high, low, _, _] = both.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// The lower and the upper half.
#[inline]
fn halves(wide: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = wide.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

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
        assert_eq!(Checksum::pseudo_mapped(a.octets(), b.octets(), 58, 0x1_1234), pseudo);
        for (source, last) in [(1, 2), (0, 0), (255, 255)] {
            let (a, b) = (Ipv4Addr::new(source, 0, 0, 0), Ipv4Addr::new(0, 0, 0, last));
            let [v6, w6] = [a, b].map(|v4| v4.to_ipv6_mapped().octets());
            let pseudo = Checksum::pseudo(a.into(), b.into(), 6, 20);
            assert_eq!(Checksum::pseudo_mapped(v6, w6, 6, 20), pseudo);
        }
    }

    #[test]
    fn a_sum_of_few_bytes_at_once_is_the_same_sum() {
        let bytes: [u8; 300] = core::array::from_fn(|n| u8::try_from(n * 37 % 251).unwrap());
        for len in 0..bytes.len() {
            assert_eq!(by_words(&bytes[..len]), native(&bytes[..len]), "{len}");
            assert_eq!(by_words(&[0xff; 300][..len]), native(&[0xff; 300][..len]), "{len}");
        }
    }

    // Covers TCP-612
    #[test]
    fn summed_while_copied_is_the_same_sum_and_the_same_bytes() {
        let bytes: [u8; 300] = core::array::from_fn(|n| u8::try_from(n * 37 % 251).unwrap());
        for len in 0..bytes.len() {
            let (mut plain, mut fused, mut to) = (Checksum::new(), Checksum::new(), [0; 300]);
            for sum in [&mut plain, &mut fused] {
                sum.add(&[7; 3]);
            }
            plain.add(&bytes[..len]);
            fused.copy(&bytes[..len], &mut to);
            assert_eq!((fused, &to[..len]), (plain, &bytes[..len]));
            assert!(to[len..].iter().all(|byte| *byte == 0));
        }
    }
}
