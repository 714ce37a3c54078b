//! Switches of a connection, one bit each (TCP-652).

/// A set of switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, packed(4))] // what it stands in need not be a multiple of eight bytes long
pub(crate) struct Bits(u64);

macro_rules! bits {
    ($($(#[$doc:meta])* $name:ident = $bit:expr;)*) => {
        impl Bits {
            $($(#[$doc])* pub(crate) const $name: Self = Self(1 << $bit);)*
        }
        // No two are the same.
        const _: () = {
            let mut seen = WIDE;
            $(assert!(seen & (1 << $bit) == 0); seen |= 1 << $bit;)*
            let _ = seen;
        };
    };
}

bits! {
    // What was agreed on.
    /// Timestamps.
    TIMESTAMPS = 62;
    /// Selective acknowledgement.
    SACK = 1;
    /// Explicit congestion notification.
    ECN = 2;
    /// Window scaling.
    SCALE = 3;
    /// The connection was accepted, not asked for (TCP-118).
    PASSIVE = 4;

    // What the application wants.
    /// Small segments do not wait (TCP-048).
    NO_DELAY = 5;
    /// The last small segment waits for more (TCP-040).
    MORE = 6;
    /// No more will be sent.
    FIN_QUEUED = 7;
    /// Neither direction is wanted any more (TCP-065).
    CLOSED_BOTH = 8;
    /// It was told nothing is ready and wants to know when (TCP-045).
    WANTS_READY = 9;

    // What is to be sent.
    /// Our SYN.
    SEND_SYN = 10;
    /// An acknowledgement, at once.
    ACK_NOW = 11;
    /// Something that makes the peer tell its state (TCP-160, TCP-171).
    SEND_PROBE = 12;
    /// The last segment or new data, to find out about a loss at the end (TCP-285).
    SEND_TLP = 13;
    /// One segment whatever the window says.
    FORCE = 14;
    /// What waits to be a full segment has waited long enough (TCP-151).
    OVERRIDE = 15;
    /// Something may be ready to leave.
    OUTPUT = 16;

    // What has happened.
    /// Our FIN has left.
    FIN_SENT = 17;
    /// The peer's FIN is known but not in sequence.
    FIN_PENDING = 18;
    /// The peer's FIN is in sequence.
    FIN_RECEIVED = 19;
    /// An episode of recovery.
    RECOVERY = 20;
    /// It began with a timeout.
    AFTER_RTO = 21;
    /// It began with a mark, not a loss.
    AFTER_MARK = 22;
    /// A probe for a loss at the end is out.
    TLP_OUT = 23;
    /// It was something sent before.
    TLP_RESENT = 24;
    /// The peer sent marks that we echo until it says so (TCP-302).
    ECHO = 25;
    /// The peer is to be told that we reduced (TCP-303).
    REDUCED = 26;
    /// A SYN was repeated, so the first window is one segment.
    SYN_REPEATED = 27;
    /// The SYN, or something without a timestamp, is being timed (TCP-402).
    TIMING = 28;
    /// There is a duplicate to report (TCP-482).
    DUPLICATE = 29;
    /// The window held back the sender.
    CWND_LIMITED = 30;
    /// A timeout is in doubt, and what was sent again for it is not acknowledged (TCP-296).
    DOUBT_FIRST = 31;
    /// We point at urgent data.
    URGENT_OUT = 32;
    /// Undoing the episode is possible.
    UNDO = 33;
    /// What is not acceptable is to be answered, if the engine may give one more answer (TCP-510).
    CHALLENGE = 34;
    /// Something of the peer's was accepted since a closed window was last probed.
    HEARD = 50;

    // What is to be told.
    /// Accepted and established.
    TELL_ACCEPTED = 35;
    /// Established.
    TELL_ESTABLISHED = 36;
    /// Progress.
    TELL_PROGRESS = 37;
    /// There is more to read.
    TELL_RECEIVE = 38;
    /// Urgent data.
    TELL_URGENT = 39;
    /// A soft error.
    TELL_SOFT = 40;
    /// Buffers are to be reclaimed.
    RECLAIM = 41;
    /// TIME-WAIT began.
    TELL_TIME_WAIT = 42;
    /// The end.
    TELL_END = 43;
    /// The end of the stream was told.
    TOLD_END_OF_STREAM = 44;

    // Which deadlines are armed.
    /// The acknowledgement.
    ARMED_ACK = 45;
    /// The retransmission.
    ARMED_RTX = 46;
    /// The rest.
    ARMED_WATCH = 47;
    /// The user timeout.
    ARMED_USER = 48;
    /// Pacing.
    ARMED_PACE = 49;
    /// The SYN carried data that the peer may refuse.
    SYN_DATA = 51;
    /// The peer's window was closed when it was last looked at.
    PERSISTING = 52;
    /// The application chose the local address or port.
    BOUND = 53;
    /// Our next SYN or SYN-ACK has the Fast Open option.
    FAST_OPEN = 54;
    /// Our SYN had it.
    FAST_OPEN_ASKED = 55;
    /// Data of the peer's SYN was taken, and the handshake is not over.
    EARLY = 56;
    /// Such data is to be told of before the connection is established (TCP-079).
    EARLY_FIRST = 57;
    /// Our first SYN asked for ECN.
    ECN_ASKED = 58;
    /// The window may be used only bit by bit (TCP-278).
    BURST_LIMITED = 59;
    /// The deadline for acknowledging is also that of something held back (TCP-040).
    HELD = 60;
    /// A timeout is in doubt still, and the next acknowledgement decides (TCP-296).
    DOUBT_SECOND = 61;
}

impl Bits {
    /// Whether any bit of `other` is set.
    #[inline]
    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[inline]
    pub(crate) const fn set(&mut self, other: Self) {
        self.0 |= other.0 | WIDE;
    }

    #[inline]
    pub(crate) const fn unset(&mut self, other: Self) {
        self.0 &= !(other.0 | WIDE);
    }

    #[inline]
    pub(crate) const fn put(&mut self, other: Self, on: bool) {
        if on {
            self.set(other);
        } else {
            self.unset(other);
        }
    }

    /// What is set in both.
    #[inline]
    pub(crate) const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it was set; it is not any more.
    #[inline]
    pub(crate) const fn take(&mut self, other: Self) -> bool {
        let was = self.has(other);
        self.unset(other);
        was
    }

    /// The deadlines that are armed, the first of them the lowest bit.
    #[inline]
    pub(crate) const fn armed(self) -> u32 {
        ((self.0 & ARMED.0) >> 45) as u32
    }

    #[inline]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Two bits that mean nothing, one at either end: with them every switch is set and unset in the whole word.
///
/// Else a compiler writes only the byte of that switch, and who reads the whole word next waits until that byte has left
/// the processor, and all that was written before it. measured: 5 ns and more each time, many times for each segment. Where
/// words are narrower there is nothing to be won.
const WIDE: u64 = if cfg!(target_pointer_width = "64") { 1 | 1 << 63 } else { 0 };

/// Everything that is to be told.
pub(crate) const TELL: Bits = Bits::TELL_ACCEPTED
    .and(Bits::TELL_ESTABLISHED)
    .and(Bits::TELL_PROGRESS)
    .and(Bits::TELL_RECEIVE)
    .and(Bits::TELL_URGENT)
    .and(Bits::TELL_SOFT)
    .and(Bits::RECLAIM)
    .and(Bits::TELL_TIME_WAIT)
    .and(Bits::TELL_END);

/// Every deadline.
pub(crate) const ARMED: Bits = Bits::ARMED_ACK
    .and(Bits::ARMED_RTX)
    .and(Bits::ARMED_WATCH)
    .and(Bits::ARMED_USER)
    .and(Bits::ARMED_PACE);
