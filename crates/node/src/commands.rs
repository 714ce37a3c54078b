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
    SetMetadata { name: usize, value: usize },
    Send { len: usize, flags: Flags },
    Pause(bool),
    Confirm,
    Close,
    Destroy,
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

    /// Sends what a `tx` handler answered with. What that handler announced or asked for meanwhile
    /// is for the message after this one.
    pub fn send_answer(&mut self, bytes: &[u8], flags: Flags) {
        self.bytes.extend_from_slice(bytes);
        let is_request = |c: &Command| matches!(c, Command::RequestTx | Command::RequestTxLen(_));
        let behind = self.list.iter().rev().take_while(|&c| is_request(c)).count();
        let at = self.list.len() - behind;
        self.list.insert(at, Command::Send { len: bytes.len(), flags });
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
