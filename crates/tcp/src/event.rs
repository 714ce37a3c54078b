//! What an endpoint tells its application, and the states it tells of (TCP sections 1.5 to 1.7).

/// Why a connection ended (TCP-067); the numbers are those of C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u8)]
pub enum Disconnected {
    /// Both sides finished.
    Normal = 0,
    /// The peer would not have it.
    Refused = 1,
    /// The peer or the application aborted.
    Reset = 2,
    /// Both sides finished; the endpoint lingers so that old segments do no harm. Not the last event: `Normal` is.
    TimeWait = 3,
    /// Nothing was heard for too long.
    TimedOut = 4,
}

/// Trouble that may pass (TCP-164, TCP-176).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Soft {
    /// One segment was sent for the third time or more (R1).
    Retransmitting,
    /// A router cannot reach the peer.
    Unreachable,
    /// A router found no end to the path.
    TimeExceeded,
    /// A router or the peer did not understand a header.
    ParameterProblem,
}

/// One fact. What belongs together comes in this order (TCP-083).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<B> {
    /// A connection accepted from a listener can be used in both directions (TCP-079).
    Accepted,
    /// The handshake is over.
    Established,
    /// Every byte of this buffer is acknowledged; here it is back (TCP-034).
    SendDone(B),
    /// So many more bytes of payload are acknowledged (TCP-043).
    BytesAcked(usize),
    /// Bytes left the queue (TCP-044).
    Progress {
        /// Queued, sent or not.
        in_send_buffer: usize,
        /// Queued and not sent.
        backlog: usize,
    },
    /// What is sent now would leave at once (TCP-046).
    SendReady,
    /// There is more to read, or the stream has ended (TCP-056).
    ReceiveAvailable {
        /// Bytes that can be read.
        available: usize,
        /// Nothing will come after them.
        end_of_stream: bool,
        /// Room that is left in the receive storage.
        remaining: usize,
    },
    /// The peer points at urgent data (TCP-165).
    Urgent {
        /// Bytes up to the one after the urgent data.
        remaining: usize,
    },
    /// Trouble that may pass.
    Error(Soft),
    /// The connection is over; this buffer was not acknowledged (TCP-066).
    Reclaimed(B),
    /// See the reason.
    Disconnected(Disconnected),
}

/// Where a connection is (RFC 9293 §3.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// No connection.
    #[default]
    Closed,
    /// No connection; the first byte sent will start one (TCP-026).
    Armed,
    /// Our SYN is out.
    SynSent,
    /// Both SYNs are out; ours is not acknowledged.
    SynReceived,
    /// Open in both directions.
    Established,
    /// We have finished; the peer has not acknowledged that.
    FinWait1,
    /// We have finished, the peer knows.
    FinWait2,
    /// The peer has finished.
    CloseWait,
    /// Both have finished; the peer has not acknowledged ours.
    Closing,
    /// The peer finished first; it has not acknowledged ours.
    LastAck,
    /// Both have finished and know it; old segments may still arrive.
    TimeWait,
}

impl State {
    /// Both sides know each other's sequence numbers (RFC 9293 §3.3.2).
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        !matches!(self, Self::Closed | Self::Armed | Self::SynSent | Self::SynReceived)
    }

    /// The application may still send.
    #[must_use]
    pub const fn can_send(self) -> bool {
        matches!(self, Self::Established | Self::CloseWait)
    }

    /// The peer has not finished.
    #[must_use]
    pub const fn can_receive(self) -> bool {
        matches!(self, Self::Established | Self::FinWait1 | Self::FinWait2)
    }
}
