//! Error numbers of the operating system to our closed list.

use mainstay_base::Errno;
use rustix::io::Errno as Number;
use std::io;

/// What an I/O error of a socket means (LAY-214).
#[must_use]
pub fn errno(error: &io::Error) -> Errno {
    Number::from_io_error(error).map_or(Errno::Other, from_number)
}

/// What an error number of a socket means (LAY-214).
pub(crate) fn from_number(number: Number) -> Errno {
    match number {
        // A Unix socket's queue that is full (`EAGAIN` of its connect) takes nobody either.
        Number::CONNREFUSED | Number::NOENT | Number::AGAIN => Errno::Refused,
        Number::CONNRESET | Number::PIPE | Number::CONNABORTED => Errno::Reset,
        Number::TIMEDOUT => Errno::TimedOut,
        Number::HOSTUNREACH | Number::NETUNREACH | Number::NETDOWN | Number::HOSTDOWN => {
            Errno::Unreachable
        }
        Number::ADDRINUSE => Errno::AddrInUse,
        Number::ADDRNOTAVAIL => Errno::NoPort,
        Number::MFILE | Number::NFILE | Number::NOBUFS | Number::NOMEM => Errno::Limit,
        Number::ACCESS | Number::PERM => Errno::Denied,
        _ => Errno::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The part of LAY-214 about pausing an accept waits for listeners.
    // Covers LAY-214
    #[test]
    fn every_error_number_of_the_table_has_its_meaning() {
        let table = [
            (libc::ECONNREFUSED, Errno::Refused),
            (libc::ENOENT, Errno::Refused),
            (libc::ECONNRESET, Errno::Reset),
            (libc::EPIPE, Errno::Reset),
            (libc::ETIMEDOUT, Errno::TimedOut),
            (libc::EHOSTUNREACH, Errno::Unreachable),
            (libc::ENETUNREACH, Errno::Unreachable),
            (libc::EADDRINUSE, Errno::AddrInUse),
            (libc::EADDRNOTAVAIL, Errno::NoPort),
            (libc::EMFILE, Errno::Limit),
            (libc::ENFILE, Errno::Limit),
            (libc::ENOBUFS, Errno::Limit),
            (libc::ENOMEM, Errno::Limit),
            (libc::EACCES, Errno::Denied),
            (libc::EPERM, Errno::Denied),
            (libc::EINVAL, Errno::Other),
        ];
        for (number, meaning) in table {
            assert_eq!(errno(&io::Error::from_raw_os_error(number)), meaning, "{number}");
        }
        assert_eq!(errno(&io::Error::other("no number")), Errno::Other);
    }
}
