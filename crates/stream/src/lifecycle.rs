//! Where a stream is, and the one table of what may follow. Owns no data and no effect.
//!
//! `Life` is the inner state; `policy::State` is what the application hears of it.

/// What a handler answers (SS-120).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// 0: go on.
    #[default]
    Ok,
    /// 1: tx: nothing to send now; elsewhere as the table of SS-121.
    TxDontSend,
    /// -1: close the connection.
    DisconnectMe,
    /// -2: close and destroy the stream; always legal (SS-130).
    DestroyMe,
}

impl Answer {
    /// The number of the C interface (SS-120).
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::TxDontSend => 1,
            Self::DisconnectMe => -1,
            Self::DestroyMe => -2,
        }
    }
}

/// Where the stream is.
///
/// ```text
///  Creating ─► Idle ─► Polling ─► Asking ─► Opening ─► Connected ─► Closing
///               ▲        ▲           ▲         │           │           │
///               │        └─ Waiting ─┘         ▼           ▼           ▼
///               └───────────── ▲ ───────────  Ended  ◄─────┴───────────┘
///                              └────────────────┘          (any) ─► Dying ─► Over
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// CREATING is due or stands.
    Creating,
    /// No connection, nothing planned.
    Idle,
    /// POLL is due or stands.
    Polling,
    /// CONNECTING is due or stands.
    Asking,
    /// A channel was asked for; CONNECTED has not come.
    Opening,
    /// From CONNECTED on.
    Connected,
    /// An orderly close was asked for; its end is awaited.
    Closing,
    /// The connection is gone; UNREACHABLE, `AUTH_FAILED` or DISCONNECTED is due or stands, and its
    /// answer decides.
    Ended,
    /// The retry timer runs.
    Waiting,
    /// DESTROYING is due or stands.
    Dying,
    /// Inert (law L7).
    Over,
}

/// What moves a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An attempt is announced by POLL.
    Poll,
    /// An attempt is announced by CONNECTING.
    Ask,
    /// CONNECTING was answered with OK.
    Consent,
    /// CONNECTED is due.
    Up,
    /// The application closes in order.
    Finish,
    /// The attempt failed before CONNECTED.
    Fail,
    /// The connection is gone, its work done or not.
    End,
    /// The next attempt is planned.
    Wait,
    /// Nothing is planned.
    Rest,
    /// The stream is destroyed.
    Destroy,
    /// DESTROYING was answered, or was never due.
    Vanish,
}

impl Life {
    /// Where `cause` leads from here; `None` where it cannot be.
    pub(crate) const fn after(self, cause: Cause) -> Option<Self> {
        use Cause::{Ask, Consent, Destroy, End, Fail, Finish, Poll, Rest, Up, Vanish, Wait};
        let next = match (self, cause) {
            (Self::Over, _) => return None,
            (Self::Dying | Self::Creating, Vanish) => Self::Over,
            (Self::Dying, _) => return None,
            (_, Destroy) => Self::Dying,
            (Self::Creating | Self::Idle | Self::Waiting | Self::Ended, Poll) => Self::Polling,
            (Self::Creating | Self::Idle | Self::Polling | Self::Waiting | Self::Ended, Ask) => {
                Self::Asking
            }
            (Self::Asking, Consent) => Self::Opening,
            (Self::Opening, Up) => Self::Connected,
            (Self::Connected, Finish) => Self::Closing,
            (Self::Opening, Fail) | (Self::Connected | Self::Closing, End) => Self::Ended,
            (Self::Asking | Self::Ended, Wait) => Self::Waiting,
            (Self::Creating | Self::Polling | Self::Asking | Self::Ended, Rest) => Self::Idle,
            _ => return None,
        };
        Some(next)
    }

    /// Whether a channel of the pool is ours.
    pub(crate) const fn has_channel(self) -> bool {
        matches!(self, Self::Opening | Self::Connected | Self::Closing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVES: [Life; 11] = [
        Life::Creating,
        Life::Idle,
        Life::Polling,
        Life::Asking,
        Life::Opening,
        Life::Connected,
        Life::Closing,
        Life::Ended,
        Life::Waiting,
        Life::Dying,
        Life::Over,
    ];

    const CAUSES: [Cause; 11] = [
        Cause::Poll,
        Cause::Ask,
        Cause::Consent,
        Cause::Up,
        Cause::Finish,
        Cause::Fail,
        Cause::End,
        Cause::Wait,
        Cause::Rest,
        Cause::Destroy,
        Cause::Vanish,
    ];

    /// Rows: from, columns: causes, both in the order above; where to, `.` for impossible.
    const MATRIX: &str = "
        Creating   Polling Asking  .       .         .       .     .     .       Idle Dying Over
        Idle       Polling Asking  .       .         .       .     .     .       .    Dying .
        Polling    .       Asking  .       .         .       .     .     .       Idle Dying .
        Asking     .       .       Opening .         .       .     .     Waiting Idle Dying .
        Opening    .       .       .       Connected .       Ended .     .       .    Dying .
        Connected  .       .       .       .         Closing .     Ended .       .    Dying .
        Closing    .       .       .       .         .       .     Ended .       .    Dying .
        Ended      Polling Asking  .       .         .       .     .     Waiting Idle Dying .
        Waiting    Polling Asking  .       .         .       .     .     .       .    Dying .
        Dying      .       .       .       .         .       .     .     .       .    .     Over
        Over       .       .       .       .         .       .     .     .       .    .     .";

    // Covers SS-130, SS-132, SS-145
    #[test]
    fn every_move_is_the_one_in_the_matrix() {
        let mut found = String::new();
        for from in LIVES {
            found.push_str(&format!("{from:?}"));
            for cause in CAUSES {
                let to = from.after(cause).map_or_else(|| ".".into(), |to| format!("{to:?}"));
                found.push_str(&format!(" {to}"));
            }
            found.push('\n');
        }
        let wanted: Vec<Vec<&str>> =
            MATRIX.trim().lines().map(|row| row.split_whitespace().collect()).collect();
        let found: Vec<Vec<&str>> =
            found.lines().map(|row| row.split_whitespace().collect()).collect();
        assert_eq!(found, wanted);
    }

    // Covers SS-120
    #[test]
    fn the_return_codes_have_the_numbers_of_c() {
        let all = [Answer::Ok, Answer::TxDontSend, Answer::DisconnectMe, Answer::DestroyMe];
        assert_eq!(all.map(Answer::number), [0, 1, -1, -2]);
    }
}
