//! What a connection costs on the air (TCP-556).

use crate::endpoint::Endpoint;
use crate::extras::Extras as _;
use crate::head::Head;
use crate::profile::Profile;
use crate::segment_arrives::Segment;
use crate::seq::Seq;
use crate::transmit::Outgoing;
use mainstay_wire::tcp::Flags;

/// Counts of one connection; they saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Budget {
    /// What left. A segment that the device had no room for did not.
    pub sent: Traffic,
    /// Of that, segments that had left before.
    pub resent: u32,
    /// What came and was addressed to this connection, taken or not.
    pub received: Traffic,
}

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Segments, as the wire carries them.
    pub segments: u32,
    /// Their bytes, with TCP headers and without those of IP.
    pub bytes: u32,
    /// Of the segments, those that are nothing but acknowledgements.
    pub bare: u32,
}

impl Traffic {
    const fn add(&mut self, segments: u32, bytes: u32, bare: bool) {
        self.segments = self.segments.saturating_add(segments);
        self.bytes = self.bytes.saturating_add(bytes);
        if bare {
            self.bare = self.bare.saturating_add(segments);
        }
    }
}

/// What takes a sequence number.
const SPACE: Flags = Flags::SYN.with(Flags::FIN);

impl Budget {
    pub(super) fn arrived(&mut self, segment: &Segment<'_>, len: usize) {
        let payload = segment.payload.len();
        let count =
            segment.unit.map_or(1, |unit| payload.div_ceil(usize::from(unit).max(1)).max(1));
        let headers = len.saturating_sub(payload).saturating_mul(count);
        let bare = payload == 0 && !segment.flags.intersects(SPACE.with(Flags::RST));
        self.received.add(narrow(count), narrow(headers.saturating_add(payload)), bare);
    }

    fn left(&mut self, out: &Outgoing, flags: Flags, again: bool) {
        let count = out.unit.map_or(1, |unit| out.len.div_ceil(usize::from(unit).max(1)).max(1));
        let bytes = out.header_len.saturating_mul(count).saturating_add(out.len);
        let space = out.len > 0 || flags.intersects(SPACE);
        self.sent.add(narrow(count), narrow(bytes), !space);
        if space && again {
            self.resent = self.resent.saturating_add(narrow(count));
        }
    }
}

impl<P: Profile> Endpoint<P> {
    /// Counts what leaves now, where SND.NXT was `nxt` before.
    #[inline]
    pub(crate) fn note_departure(&mut self, nxt: Seq, out: &Outgoing, head: &Head) {
        if let Some(extra) = self.extra.get_mut() {
            let flags = Flags::from_bytes([head[FLAGS_AT], head[FLAGS_AT + 1]]);
            extra.remember();
            extra.budget.left(out, flags, out.sequence.before(nxt));
        }
    }
}

/// Where the flags stand in a header, after four bits of its length. RFC 9293 §3.1
const FLAGS_AT: usize = 12;

fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
