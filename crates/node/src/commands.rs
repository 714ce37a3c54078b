//! What a handler asks for while it runs; carried out when it returns (SS-131).
//!
//! Deferring makes every call legal from everywhere: nothing a handler says can pull the stream
//! from under it.

use mainstay_stream::Flags;

/// The wishes of one handler call. Reused; bounded by what the handler itself puts in.
#[derive(Debug, Default)]
pub struct Commands {
    pub(crate) list: Vec<Command>,
    pub(crate) bytes: Vec<u8>,
}

/// One wish.
#[derive(Debug)]
pub(crate) enum Command {
    RequestTx,
    RequestTxLen(u64),
    Connect,
    StartTimeout(u32),
    CancelTimeout,
    SetMetadata {
        name: usize,
        value: usize,
    },
    Send {
        len: usize,
        flags: Flags,
    },
    /// A piece longer than the buffer it was to lie in.
    Overrun,
    Pause(bool),
    Confirm,
    Close,
    Destroy,
}

impl Command {
    /// Bytes of `Commands::bytes` that belong to it.
    const fn len(&self) -> usize {
        match self {
            Self::Send { len, .. } => *len,
            Self::SetMetadata { name, value } => *name + *value,
            Self::Overrun
            | Self::RequestTx
            | Self::RequestTxLen(_)
            | Self::Connect
            | Self::StartTimeout(_)
            | Self::CancelTimeout
            | Self::Pause(_)
            | Self::Confirm
            | Self::Close
            | Self::Destroy => 0,
        }
    }
}

impl Commands {
    /// Asks for a tx opportunity (SS-214).
    pub fn request_tx(&mut self) {
        self.list.push(Command::RequestTx);
    }

    /// Asks for a tx opportunity and announces the message's length in bytes (SS-215).
    pub fn request_tx_len(&mut self, len: u64) {
        self.list.push(Command::RequestTxLen(len));
    }

    /// Starts an attempt now (SS-216).
    pub fn connect(&mut self) {
        self.list.push(Command::Connect);
    }

    /// (Re)arms the stream's timer; 0 means the policy's `timeout_ms` (SS-220).
    pub fn start_timeout(&mut self, milliseconds: u32) {
        self.list.push(Command::StartTimeout(milliseconds));
    }

    /// Disarms the stream's timer (SS-221).
    pub fn cancel_timeout(&mut self) {
        self.list.push(Command::CancelTimeout);
    }

    /// Sets a metadata value for the next use of it (SS-225).
    pub fn set_metadata(&mut self, name: &str, value: &[u8]) {
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(value);
        self.list.push(Command::SetMetadata { name: name.len(), value: value.len() });
    }

    /// Sends a piece of payload; if it cannot be taken the driver's owner hears of it.
    pub fn send(&mut self, bytes: &[u8], flags: Flags) {
        self.bytes.extend_from_slice(bytes);
        self.list.push(Command::Send { len: bytes.len(), flags });
    }

    /// Sends what a tx handler returned: before the further opportunity it may have asked for, whose
    /// announced length is the next message's, and after everything else it asked for.
    pub fn send_returned(&mut self, bytes: &[u8], flags: Flags) {
        let at = self.returned_at();
        let before: usize = self.list.iter().take(at).map(Command::len).sum();
        self.bytes.splice(before..before, bytes.iter().copied());
        self.list.insert(at, Command::Send { len: bytes.len(), flags });
    }

    /// As `send_returned`, for a tx handler that says it put more into the buffer than that holds: its
    /// message is refused.
    pub fn overrun(&mut self) {
        self.list.insert(self.returned_at(), Command::Overrun);
    }

    /// Where what tx returned belongs: before further opportunities.
    fn returned_at(&self) -> usize {
        let asks =
            |command: &Command| matches!(command, Command::RequestTx | Command::RequestTxLen(_));
        self.list.iter().position(asks).unwrap_or(self.list.len())
    }

    /// Lets this stream's reader sleep, or wakes it.
    pub fn pause(&mut self, paused: bool) {
        self.list.push(Command::Pause(paused));
    }

    /// The connection is known to be good (SS-242).
    pub fn confirm_validity(&mut self) {
        self.list.push(Command::Confirm);
    }

    /// Closes the connection in order; reconnect rules apply (SS-125).
    pub fn close(&mut self) {
        self.list.push(Command::Close);
    }

    /// Ends the stream (SS-131).
    pub fn destroy(&mut self) {
        self.list.push(Command::Destroy);
    }

    /// Nothing is asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tx_returned_goes_before_the_length_of_the_next_message() {
        let mut commands = Commands::default();
        commands.set_metadata("a", b"bc");
        commands.request_tx_len(7);
        commands.set_metadata("d", b"e");
        commands.send_returned(b"payload", Flags::NONE);
        assert!(matches!(
            commands.list.as_slice(),
            [
                Command::SetMetadata { .. },
                Command::Send { len: 7, .. },
                Command::RequestTxLen(7),
                Command::SetMetadata { .. }
            ]
        ));
        assert_eq!(commands.bytes, b"abcpayloadde");
    }
}
