//! A whole device over its border: whatever the network does and the application asks for, in whatever order.
//!
//! An input is a program, one letter after the other. The streams' application is the simulator's book, which judges
//! states, outcomes and framing.
//!
//! | letter | what happens |
//! |---|---|
//! | `0` to `9` | a stream of this kind is created (`policy.json`) and chosen |
//! | `.`, `/` | the next stream, the next socket is chosen |
//! | `o`, `x` | the oldest open, or question for a name, succeeds; it fails |
//! | `<` | as many bytes as the next one says come |
//! | `e`, `l`, `p` | the peer ends, the socket dies, it takes nothing more or does again |
//! | `~`, `+`, `=` | the next deadline, 100 ms, 20 s |
//! | `c`, `t`, `s`, `d`, `k` | the stream connects, asks for tx, sends unasked, is destroyed, closes |
//! | `q`, `v`, `f`, `m`, `g` | it pauses, goes on, starts its timer, gets metadata, its connection is good |
//! | `A` to `E` | the next state is answered by disconnect, destroy, 1, a wish to be destroyed, one to connect |
//! | `P`, `R`, `w` | the policy is replaced by itself, by itself with all streams destroyed; a wait is cancelled |

mod device;
mod kernel;
mod script;

use crate::heap;
use device::Device;
use mainstay_policy::State;

/// Memory a device of so few streams may hold, with what comes of one input. chosen: the twelve queues of 16 KiB both ways,
/// and a head each, several times over; an input is 16 KiB at most.
const HELD_MAX: usize = 2 * 1024 * 1024;

/// Memory a device may hold when nobody is left. chosen: its own structures, a policy, and a TLS configuration kept to be used
/// again, with its store for sessions (100 KiB).
const IDLE_MAX: usize = 256 * 1024;

/// What became of one stream: its states, whole messages received, how many of its own were acknowledged, sent, refused, of
/// unknown fate.
type Fate = (Vec<State>, u32, [usize; 4]);

/// Runs one input twice, with bytes whole and in pieces.
///
/// # Panics
/// When a law is broken: that is the finding.
pub fn run(input: &[u8]) {
    device::prepare();
    let whole = play(input, usize::MAX);
    let pieces = play(input, 1 + input.len() % 7);
    // What the library of HTTP/2 reads at once decides what it says, see `h2.rs`.
    if !input.contains(&b'6') && !input.contains(&b'7') {
        assert_eq!(whole, pieces, "whole and in pieces are not the same");
    }
}

fn play(input: &[u8], piece_max: usize) -> Vec<Fate> {
    let before = heap::used();
    let mut device = Device::new(piece_max);
    let mut rest = input;
    while let Some((&letter, after)) = rest.split_first() {
        rest = device.step(letter, after);
        device.settle();
        let held = heap::used().saturating_sub(before);
        assert!(held <= HELD_MAX, "L8: the device holds {held} bytes");
    }
    device.end();
    let used = heap::used();
    drop(device.node);
    let held = used.saturating_sub(heap::used());
    assert!(held <= IDLE_MAX, "L8: nobody is left, and {held} bytes are held");
    let stories = device.book.stories.values();
    stories.map(|story| (story.path(), story.messages, story.ledger.counts())).collect()
}
