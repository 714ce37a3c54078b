//! What a receiver has of a stream: a byte, or nothing, for each place. Places count from 0, the end has one of its own.

/// The reference.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// What the peer sends.
    original: Vec<u8>,
    held: Vec<Option<u8>>,
    read: usize,
    /// The highest place that may be sent, and what could be at most.
    edge: i64,
    room: i64,
    /// The peer's end is known.
    fin: bool,
    /// The peer finished before we did.
    pub(crate) first: bool,
    /// Acknowledgements that left.
    acked: Vec<i64>,
}

impl Receiver {
    pub(crate) fn new(room: usize, len: usize) -> Self {
        let original = (0..len).map(crate::node::stream).collect();
        let room = i64::try_from(room).unwrap();
        Self {
            original,
            held: vec![None; len],
            read: 0,
            edge: room,
            room,
            fin: false,
            first: false,
            acked: vec![0],
        }
    }

    pub(crate) fn end(&self) -> i64 {
        i64::try_from(self.original.len()).unwrap()
    }

    pub(crate) fn original(&self, start: i64, end: i64) -> Vec<u8> {
        let (start, end) = (usize::try_from(start).unwrap(), usize::try_from(end).unwrap());
        self.original.get(start..end).unwrap_or(&[]).to_vec()
    }

    /// Bytes in sequence.
    fn have(&self) -> usize {
        self.held.iter().position(Option::is_none).unwrap_or(self.held.len())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.fin && self.have() == self.held.len()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.is_over() && self.read == self.held.len()
    }

    /// What comes next; beyond the end once that has come.
    pub(crate) fn next(&self) -> i64 {
        i64::try_from(self.have()).unwrap() + i64::from(self.is_over())
    }

    pub(crate) fn unread(&self) -> Vec<u8> {
        self.held[self.read..self.have()].iter().map(|byte| byte.unwrap()).collect()
    }

    pub(crate) fn out_of_order(&self) -> usize {
        self.held[self.have()..].iter().filter(|byte| byte.is_some()).count()
    }

    pub(crate) fn read(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = self.unread();
        bytes.truncate(most);
        self.read += bytes.len();
        bytes
    }

    /// Whether a segment is acceptable, and then whether its text is looked at (RFC 9293 §3.10.7.4).
    pub(crate) fn place(&self, start: i64, end: i64, fin: bool) -> Option<bool> {
        let (left, right) = (self.next(), self.edge.max(self.next()));
        let end = end + i64::from(fin);
        if start == end {
            return (left..=right).contains(&start).then_some(true);
        }
        if left == right {
            return (start == left).then_some(false);
        }
        (start < right && end > left).then_some(true)
    }

    /// The text of an acceptable segment: what is held stays, what lies beyond the edge does not count.
    pub(crate) fn take(&mut self, start: i64, bytes: &[u8], fin: bool) {
        if self.is_over() {
            return;
        }
        let mut cut = false;
        for (place, byte) in (start..).zip(bytes) {
            if place >= self.edge {
                cut = true;
            } else if let Some(held) = self.held.get_mut(usize::try_from(place).unwrap()) {
                held.get_or_insert(*byte);
            }
        }
        self.fin |= fin && !cut;
    }

    /// A segment left with this acknowledgement and window.
    pub(crate) fn answered(&mut self, ack: i64, window: u16) {
        assert_eq!(ack, self.next(), "what is acknowledged");
        let edge = ack + i64::from(window);
        let unread = i64::try_from(self.unread().len()).unwrap();
        assert!(i64::from(window) <= self.room - unread, "more is offered than there is room for");
        assert!(edge >= self.edge.min(self.end() + 1) || self.is_over(), "the edge moves back");
        self.edge = self.edge.max(edge);
        self.acked.push(ack);
    }

    /// Whether a reset there would be exact: the next number, or the last that was acknowledged; `place` counts the SYN.
    pub(crate) fn is_acked(&self, place: i64) -> bool {
        place - 1 == self.next() || self.acked.last() == Some(&(place - 1))
    }
}
