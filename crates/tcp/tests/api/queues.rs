//! What every queue of outgoing bytes does, whatever it is made of (TCP-032), and what the ring does beyond (TCP-091).

use core::convert::Infallible;
use mainstay_tcp::queue::{ArrayBuf, ArrayQueue, CopyQueue, RingQueue, SlotQueue, TxBuf, TxQueue};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use std::collections::VecDeque;

type Buf = ArrayBuf<16>;

/// A queue as this suite fills and empties it.
trait Subject: TxQueue + core::fmt::Debug {
    /// Buffers come back.
    const LENDS: bool;
    /// Queues as many of the bytes as there is room for; how many, or `None` if there is no room for a buffer.
    fn give(&mut self, bytes: &[u8]) -> Option<usize>;
    /// What a buffer that came back held; `None` where nothing comes back.
    fn held(buffer: &Self::Buf) -> Option<Vec<u8>>;
}

impl Subject for RingQueue<[u8; 40]> {
    const LENDS: bool = false;

    fn give(&mut self, bytes: &[u8]) -> Option<usize> {
        Some(self.write(bytes))
    }

    fn held(buffer: &Infallible) -> Option<Vec<u8>> {
        match *buffer {}
    }
}

macro_rules! lending {
    ($($kind:ty),*) => {$(
        impl Subject for $kind {
            const LENDS: bool = true;

            fn give(&mut self, bytes: &[u8]) -> Option<usize> {
                let result = self.push(Buf::new(bytes).unwrap());
                if let Err(buffer) = &result {
                    assert_eq!(buffer.bytes(), bytes, "it is given back as it was");
                }
                result.ok().map(|()| bytes.len())
            }

            fn held(buffer: &Buf) -> Option<Vec<u8>> {
                Some(buffer.bytes().to_vec())
            }
        }
    )*};
}

lending!(ArrayQueue<Buf, 3>, SlotQueue<Buf, &mut [Option<Buf>]>);

#[derive(Clone, Debug)]
enum Act {
    Give(Vec<u8>),
    Extend(usize),
    Acknowledge(usize),
    Done,
    Look(usize, usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        vec(any::<u8>(), 0..=16).prop_map(Act::Give),
        (0_usize..20).prop_map(Act::Extend),
        (0_usize..50).prop_map(Act::Acknowledge),
        proptest::strategy::Just(Act::Done),
        (0_usize..60, 0_usize..60).prop_map(|(at, len)| Act::Look(at, len)),
    ]
}

/// The same acts, on the queue and on what is expected of it.
fn suite<Q: Subject>(queue: &mut Q, acts: &[Act]) {
    let mut stream: VecDeque<u8> = VecDeque::new();
    let (mut lent, mut unacknowledged) = (VecDeque::new(), VecDeque::new());
    for act in acts {
        match act {
            Act::Give(bytes) => {
                let Some(taken) = queue.give(bytes) else { continue };
                assert!(taken <= bytes.len());
                stream.extend(&bytes[..taken]);
                if taken == bytes.len() {
                    lent.push_back(bytes.clone());
                    unacknowledged.push_back(taken);
                }
            }
            Act::Extend(count) => {
                let room = queue.tail_mut().map(|tail| {
                    tail.fill(7);
                    tail.len()
                });
                let extended = queue.extend(*count);
                assert_eq!(extended, room.is_some_and(|room| *count <= room));
                if extended {
                    stream.extend(core::iter::repeat_n(7, *count));
                    lent.back_mut().unwrap().extend(core::iter::repeat_n(7, *count));
                    *unacknowledged.back_mut().unwrap() += count;
                }
            }
            Act::Acknowledge(count) => {
                let count = (*count).min(stream.len());
                queue.acknowledge(count);
                stream.drain(..count);
                let mut rest = count;
                for waits in &mut unacknowledged {
                    let of_it = rest.min(*waits);
                    *waits -= of_it;
                    rest -= of_it;
                }
            }
            Act::Done => {
                let done = queue.done();
                if let Some(held) = done.as_ref().and_then(Q::held) {
                    assert_eq!(unacknowledged.pop_front(), Some(0), "it was not acknowledged");
                    assert_eq!(Some(held), lent.pop_front(), "another one comes back");
                }
            }
            Act::Look(at, len) => {
                let seen = queue.slices(*at, *len);
                let all: Vec<u8> = stream.iter().skip(*at).take(*len).copied().collect();
                let seen = seen.as_slice().concat();
                assert_eq!(seen, all[..seen.len()], "bytes are not those that were queued");
                assert_eq!(queue.reach(*at, all.len()), seen.len());
                assert_eq!(seen.len(), all.len(), "nothing here has more pieces than a segment");
            }
        }
        assert_eq!((queue.len(), queue.is_empty()), (stream.len(), stream.is_empty()));
        assert_eq!(queue.has_done(), Q::LENDS && unacknowledged.front() == Some(&0));
    }
    while let Some(buffer) = queue.reclaim() {
        assert_eq!(Q::held(&buffer), lent.pop_front(), "another one comes back");
    }
    assert_eq!((queue.len(), queue.has_done()), (0, false));
    assert!(queue.slices(0, 100).is_empty());
}

proptest! {
    // Covers TCP-032
    #[test]
    fn all_kinds_of_queues_do_the_same(acts in vec(act(), 0..60)) {
        suite(&mut ArrayQueue::<Buf, 3>::default(), &acts);
        let mut slots = [const { None }; 4];
        suite(&mut SlotQueue::<Buf, &mut [Option<Buf>]>::new(&mut slots), &acts);
        assert!(slots.iter().all(Option::is_none), "slots of the caller's are empty again");
        suite(&mut RingQueue::new([0; 40]), &acts);
    }
}

// Covers TCP-091
#[test]
fn a_ring_takes_what_it_has_room_for_lies_in_two_pieces_at_most_and_says_what_is_free() {
    let mut ring = RingQueue::new([0; 10]);
    assert_eq!((ring.room(), ring.write(b"abcdefgh"), ring.room()), (10, 8, 2));
    assert_eq!(ring.write(b"ijkl"), 2, "a prefix");
    assert_eq!(ring.write(b"m"), 0);
    ring.acknowledge(6);
    assert_eq!(ring.write(b"klmnop"), 6);
    let pieces = ring.slices(0, 10);
    assert_eq!(pieces.as_slice(), [&b"ghij"[..], &b"klmnop"[..]]);
    assert_eq!(ring.slices(1, 4).as_slice().concat(), b"hijk");
    assert_eq!(ring.room(), 0);
}

// Covers TCP-091
#[test]
fn a_ring_with_bytes_in_it_is_not_taken_apart_and_one_that_was_reclaimed_is_empty() {
    let mut ring = RingQueue::new(vec![0; 10]);
    ring.write(b"kept");
    let mut ring = ring.into_storage().unwrap_err();
    assert_eq!(ring.slices(0, 4).as_slice().concat(), b"kept", "it is as it was");
    assert_eq!(ring.reclaim(), None);
    assert_eq!((ring.len(), ring.room()), (0, 10));
    assert_eq!(ring.into_storage().unwrap().len(), 10);
}

// Deferred TCP-037: NULL, chained and twice queued buffers exist in the C ABI only, which comes with crates/capi; here they do not compile
