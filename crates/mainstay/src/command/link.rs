//! What the kernel says of a link, in words that help: which link, what, and what to do about it.

use super::exit::{Exit, Failure};
use mainstay_host::own::{WireKind, WireOptions};
use std::io::{self, ErrorKind};

/// No interface has the name. Linux, errno of every architecture
const ENODEV: i32 = 19;
/// The interface of a TAP or TUN is down. Linux, errno of every architecture
const EIO: i32 = 5;

/// Why a link cannot be opened or served.
pub(super) fn failure(link: &WireOptions, error: &io::Error) -> Failure {
    let name = &link.name;
    let hint = hint(link, error).map(|hint| format!("; {hint}")).unwrap_or_default();
    Failure::new(Exit::Usage, format!("--link {name}: {error}{hint}"))
}

fn hint(link: &WireOptions, error: &io::Error) -> Option<String> {
    let (name, kind) = (&link.name, word(link.kind));
    let down = format!("the interface is down: ip link set {name} up");
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::PermissionDenied, _) if link.kind == WireKind::Packet => {
            Some("this needs root, or the capability CAP_NET_RAW".to_owned())
        }
        (ErrorKind::PermissionDenied, _) => Some(format!(
            "this needs root, the capability CAP_NET_ADMIN, or an interface made for this user: \
             ip tuntap add dev {name} mode {kind} user NAME"
        )),
        (ErrorKind::ResourceBusy, _) => Some("another program has this interface".to_owned()),
        (ErrorKind::InvalidInput, Some(_)) => {
            Some(format!("it is not an interface of the kind {kind}: ip -details link show {name}"))
        }
        (ErrorKind::NetworkDown, _) | (_, Some(EIO)) => Some(down),
        (_, Some(ENODEV)) => Some("there is no such interface: ip link show".to_owned()),
        _ => None,
    }
}

const fn word(kind: WireKind) -> &'static str {
    match kind {
        WireKind::Tap => "tap",
        WireKind::Tun => "tun",
        WireKind::Packet => "if",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: WireKind, error: i32) -> String {
        let link = WireOptions { name: "tap0".to_owned(), kind, ..WireOptions::default() };
        hint(&link, &io::Error::from_raw_os_error(error)).unwrap_or_default()
    }

    #[test]
    fn what_goes_wrong_with_links_is_told_with_what_helps() {
        assert_eq!(said(WireKind::Tap, 5), "the interface is down: ip link set tap0 up");
        assert!(said(WireKind::Tap, 1).contains("CAP_NET_ADMIN"));
        assert!(said(WireKind::Packet, 1).ends_with("CAP_NET_RAW"));
        assert!(said(WireKind::Tun, 22).starts_with("it is not an interface of the kind tun"));
        assert!(said(WireKind::Packet, 19).starts_with("there is no such interface"));
        assert!(said(WireKind::Tap, 16).starts_with("another program"));
        assert_eq!(said(WireKind::Tap, 12), "");
    }
}
