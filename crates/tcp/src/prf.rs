//! The keyed function behind everything an outsider must not guess: initial sequence numbers, timestamp offsets,
//! ports, cookies, flow labels, hash seeds (TCP-520, TCP-521).

use crate::end::End;
use crate::endpoint::{Address as _, MAPPED_BITS};
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A pseudo-random function with a 128-bit key. Provided: [`SipHash`].
pub trait Prf {
    /// 64 bits of `key` and `message`.
    fn hash(key: &Secret, message: &[u8]) -> u64;
}

/// 128 bits of the caller's entropy; overwritten when dropped (TCP-546).
#[derive(Clone)]
pub struct Secret([u64; 2]);

impl Secret {
    /// A secret from the driver's entropy.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = bytes;
        Self([
            u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        ])
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Nothing is left of it.
    fn wipe(&mut self) {
        self.0 = [0; 2];
        // Else the compiler may leave out a write that nobody reads.
        core::hint::black_box(&self.0);
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// What a hash is for: the same four-tuple gives unrelated values in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    Sequence = 1,
    Timestamp = 2,
    Port = 3,
    PortTable = 4,
    Cookie = 5,
    Bucket = 7,
    SynCookie = 8,
}

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    pub(crate) local: End,
    pub(crate) peer: End,
}

impl Tuple {
    /// Our address and port, and the peer's. An IPv4-mapped address of IPv6 (RFC 4291 §2.5.5.2) is nobody's.
    #[must_use]
    pub fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        Self { local: End::or_none(local), peer: End::or_none(peer) }
    }

    /// Our address and port.
    #[must_use]
    pub fn local(&self) -> SocketAddr {
        self.local.socket()
    }

    /// The peer's.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer.socket()
    }

    /// 64 bits of the tuple in one domain.
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn hash<F: Prf>(&self, key: &Secret, domain: Domain) -> u64 {
        let [ours, theirs] = [&self.local, &self.peer].map(|end| end.address.mapped());
        let ports = u64::from(self.local.port) << 16 | u64::from(self.peer.port);
        let mut message = [0; 40];
        let (addresses, last) = message.split_at_mut(32);
        let (local, peer) = addresses.split_at_mut(16);
        local.copy_from_slice(&ours);
        peer.copy_from_slice(&theirs);
        last.copy_from_slice(&(ports << 32 | domain as u64).to_le_bytes());
        F::hash(key, &message)
    }

    /// 64 bits of the addresses without the ports.
    pub(crate) fn hash_addresses<F: Prf>(&self, key: &Secret, domain: Domain) -> u64 {
        let mut bare = *self;
        bare.local.port = 0;
        bare.hash::<F>(key, domain)
    }
}

/// The same of addresses and ports where they lie. In words of eight bytes, as wide as they are read again: what is read
/// wider than it was written is waited for.
#[inline]
pub(crate) fn hash_between<F: Prf>(
    key: &Secret,
    domain: Domain,
    local: (&IpAddr, u16),
    peer: (&IpAddr, u16),
) -> u64 {
    let (ours, theirs) = (bits(local.0), bits(peer.0));
    let [a, b, c, d] = [ours >> 64, ours, theirs >> 64, theirs].map(low).map(u64::to_be_bytes);
    let ports = u64::from(local.1) << 16 | u64::from(peer.1);
    let last = (ports << 32 | domain as u64).to_le_bytes();
    F::hash(key, [a, b, c, d, last].as_flattened())
}

#[inline]
fn bits(address: &IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => MAPPED_BITS | u128::from(address.to_bits()),
        IpAddr::V6(address) => bits_of_v6(address),
    }
}

/// Not inlined, or the sixteen octets would be read before it is known that there are so many.
#[inline(never)]
fn bits_of_v6(address: &Ipv6Addr) -> u128 {
    address.to_bits()
}

/// The low half, on purpose.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

/// `SipHash-2-4` (Aumasson and Bernstein, 2012).
#[derive(Clone, Copy, Debug)]
pub struct SipHash;

impl Prf for SipHash {
    fn hash(key: &Secret, message: &[u8]) -> u64 {
        let [k0, k1] = key.0;
        let mut v = [
            k0 ^ 0x736f_6d65_7073_6575,
            k1 ^ 0x646f_7261_6e64_6f6d,
            k0 ^ 0x6c79_6765_6e65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        let (words, tail) = message.as_chunks::<8>();
        for word in words {
            take(&mut v, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (place, byte) in last.iter_mut().zip(tail) {
            *place = *byte;
        }
        [last[7], ..] = message.len().to_le_bytes();
        take(&mut v, u64::from_le_bytes(last));
        v[2] ^= 0xff;
        for _ in 0..4 {
            round(&mut v);
        }
        v[0] ^ v[1] ^ v[2] ^ v[3]
    }
}

/// One word of the message.
#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
fn take(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
}

#[cfg_attr(not(target_os = "none"), inline)]
#[cfg_attr(target_os = "none", inline(never))]
fn round(v: &mut [u64; 4]) {
    let [mut a, mut b, mut c, mut d] = *v;
    a = a.wrapping_add(b);
    b = b.rotate_left(13) ^ a;
    a = a.rotate_left(32);
    c = c.wrapping_add(d);
    d = d.rotate_left(16) ^ c;
    a = a.wrapping_add(d);
    d = d.rotate_left(21) ^ a;
    c = c.wrapping_add(b);
    b = b.rotate_left(17) ^ c;
    c = c.rotate_left(32);
    *v = [a, b, c, d];
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers TCP-520
    #[test]
    fn the_function_is_siphash_2_4() {
        let key = Secret::new(core::array::from_fn(|n| u8::try_from(n).unwrap()));
        let message: [u8; 15] = core::array::from_fn(|n| u8::try_from(n).unwrap());
        assert_eq!(SipHash::hash(&key, &message), 0xa129_ca61_49be_45e5); // the paper, appendix A
        assert_eq!(SipHash::hash(&key, &[]), 0x726f_db47_dd0e_0e31); // the authors' first vector
    }

    // Covers TCP-546
    #[test]
    fn a_secret_is_overwritten_when_it_goes_and_is_never_shown() {
        extern crate std;
        let mut secret = Secret::new([0xee; 16]);
        assert_eq!(std::format!("{secret:?}"), "Secret(..)");
        assert!(core::mem::needs_drop::<Secret>(), "it goes without notice");
        secret.wipe();
        assert_eq!(secret.0, [0; 2]);
    }

    // Covers TCP-521
    #[test]
    fn a_connection_has_one_hash_whichever_form_its_addresses_have() {
        let key = Secret::new([7; 16]);
        for (local, peer) in [
            ("10.0.0.1:80", "10.0.0.2:81"),
            ("[2001:db8::1]:80", "[fe80::2]:5"),
            ("0.0.0.0:1", "[::]:2"),
        ] {
            let (local, peer): (SocketAddr, SocketAddr) =
                (local.parse().unwrap(), peer.parse().unwrap());
            let own = Tuple::new(local, peer).hash::<SipHash>(&key, Domain::Bucket);
            let (local, peer) = ((&local.ip(), local.port()), (&peer.ip(), peer.port()));
            assert_eq!(hash_between::<SipHash>(&key, Domain::Bucket, local, peer), own);
        }
    }

    // Covers TCP-521
    #[test]
    fn each_use_has_a_domain_of_its_own() {
        let key = Secret::new([7; 16]);
        let tuple = Tuple::new("10.0.0.1:80".parse().unwrap(), "10.0.0.2:81".parse().unwrap());
        let swapped = Tuple { local: tuple.peer, peer: tuple.local };
        let one = tuple.hash::<SipHash>(&key, Domain::Sequence);
        assert_ne!(one, tuple.hash::<SipHash>(&key, Domain::Timestamp));
        assert_ne!(one, swapped.hash::<SipHash>(&key, Domain::Sequence));
        assert_ne!(one, tuple.hash::<SipHash>(&Secret::new([8; 16]), Domain::Sequence));
    }
}
