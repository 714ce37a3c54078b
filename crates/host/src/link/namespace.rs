//! Network namespaces: which of them the links that a thread opens belong to.

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

/// Moves the calling thread, and no other, into a network namespace.
///
/// What the thread opens from now on belongs there, and so do threads and programs it starts; what is
/// open already stays where it is. A thread is best made for this alone: open the links, end it,
/// use them anywhere.
///
/// `path`: `/run/netns/NAME` (ip-netns(8)) or `/proc/PID/ns/net`.
/// # Errors
/// No such file; not a network namespace (`InvalidInput`); no right to enter it (`PermissionDenied`:
/// needs `CAP_SYS_ADMIN`).
pub fn enter_namespace(path: &Path) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_network_namespace_can_be_entered() {
        let missing = enter_namespace(Path::new("/run/netns/there-is-no-such-one")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let other = enter_namespace(Path::new("/proc/self/ns/user")).unwrap_err();
        assert_eq!(other.kind(), io::ErrorKind::InvalidInput);
    }
}
