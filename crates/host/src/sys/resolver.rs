//! The platform's resolver.
//!
//! `std`'s face of it loses the error code, and with it the difference between a name that does
//! not exist and a server that does not answer (DNS-006).

#![expect(unsafe_code, reason = "getaddrinfo has no safe face that keeps its error code")]

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::ptr;
use mainstay_node::Resolved;
use std::ffi::CString;

/// Most addresses taken of one name. chosen: more than any connection attempt would try.
const ADDRESS_MAX: usize = 64;

/// Asks the platform; blocks as long as it pleases (tens of seconds when no server answers).
pub(crate) fn resolve(name: &str) -> Resolved {
    let Ok(name) = CString::new(name) else { return Resolved::NoSuchName };
    // SAFETY: addrinfo is a C struct of integers and pointers, for which zero is a valid value.
    let mut hints: libc::addrinfo = unsafe { core::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_STREAM; // one entry per address instead of three
    let mut list = ptr::null_mut();
    // SAFETY: `name` is NUL-terminated, `hints` is initialised, `list` is a valid place for the
    // result; all three live longer than the call.
    let code =
        unsafe { libc::getaddrinfo(name.as_ptr(), ptr::null(), &raw const hints, &mut list) };
    match code {
        0 => {
            let addresses = collect(list);
            // SAFETY: `list` came from a successful getaddrinfo, and no reference into it is left.
            unsafe { libc::freeaddrinfo(list) };
            if addresses.is_empty() {
                return Resolved::NoSuchName;
            }
            Resolved::Addresses(addresses)
        }
        libc::EAI_NONAME | libc::EAI_NODATA => Resolved::NoSuchName,
        _ => Resolved::Unanswered,
    }
}

/// The addresses of a list that getaddrinfo made, in its order.
fn collect(list: *const libc::addrinfo) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    let mut cursor = list;
    while addresses.len() < ADDRESS_MAX {
        // SAFETY: `cursor` is null, which gives None, or an entry of a list not yet freed.
        let Some(entry) = (unsafe { cursor.as_ref() }) else { break };
        if let Some(address) = address(entry)
            && !addresses.contains(&address)
        {
            addresses.push(address);
        }
        cursor = entry.ai_next;
    }
    addresses
}

/// The address of one entry; `None` for families other than IP.
fn address(entry: &libc::addrinfo) -> Option<IpAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: for AF_INET getaddrinfo lets ai_addr point to an aligned sockaddr_in.
            let v4 = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().as_ref() }?;
            Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr))))
        }
        libc::AF_INET6 => {
            // SAFETY: for AF_INET6 getaddrinfo lets ai_addr point to an aligned sockaddr_in6.
            let v6 = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().as_ref() }?;
            Some(IpAddr::V6(Ipv6Addr::from(v6.sin6_addr.s6_addr)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_the_loopback() {
        let Resolved::Addresses(addresses) = resolve("localhost") else { unreachable!() };
        assert!(addresses.iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn both_families_are_read_whole() {
        let v4: IpAddr = "192.0.2.33".parse().unwrap();
        let v6: IpAddr = "2001:db8::1:2".parse().unwrap();
        assert_eq!(resolve("192.0.2.33"), Resolved::Addresses(vec![v4]));
        assert_eq!(resolve("2001:db8::1:2"), Resolved::Addresses(vec![v6]));
    }

    #[test]
    fn a_name_that_cannot_be_is_no_such_name() {
        assert_eq!(resolve("a\0b"), Resolved::NoSuchName);
        assert_eq!(resolve(""), Resolved::NoSuchName);
    }
}
