//! What a caller may know before it sends: the questions of handlers, whose wishes are carried
//! out only after they return.

use super::Stream;
use crate::metadata::declared;
use crate::payload::{Flags, PayloadId, piece};

impl Stream {
    /// How a chunk with these flags would lie in its message: whether it begins and whether it
    /// ends it; `None` where `send` would answer `Framing` (SS-310). `open` says whether a
    /// message is unfinished.
    #[must_use]
    pub fn piece(&self, open: bool, flags: Flags) -> Option<(bool, bool)> {
        piece(self.streamtype.protocol, open, flags).map(|piece| (piece.start, piece.end))
    }

    /// What an attempt would ask of the pool now, with the metadata as they are: for `explain`.
    ///
    /// # Errors
    /// Why the attempt would fail before anything is opened.
    pub fn plan(&self) -> Result<mainstay_pool::Open, mainstay_base::Policy> {
        let opener = self.opener();
        opener.open(&opener.destination(None)?, None)
    }

    /// The number the next message will get.
    #[must_use]
    pub const fn next_payload(&self) -> PayloadId {
        PayloadId(self.ledger.next())
    }

    /// Whether `set_metadata` takes this name (SS-225, SS-226).
    #[must_use]
    pub fn declares(&self, name: &str) -> bool {
        declared(&self.streamtype, name).is_some() || self.streamtype.direct_proto_str
    }
}
