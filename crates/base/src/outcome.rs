//! The one end of every payload.

use crate::Reason;
use core::fmt;

/// How a payload ended. Exactly one per payload; until then it is still queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The peer said it has it: 2xx, PUBACK.
    Acknowledged,
    /// Its last byte went to the transport, on a protocol that acknowledges nothing.
    Sent,
    /// The peer, or we, said no.
    Refused(Reason),
    /// It left us in part or whole, and the connection died or no answer came in time.
    Unknown(Reason),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Acknowledged => f.write_str("acknowledged"),
            Self::Sent => f.write_str("sent"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unknown(why) => write!(f, "unknown: {why}"),
        }
    }
}
