//! Feeds an HTTP/1 client and writes down what it says, payload joined, so that splits compare.

use mainstay_base::{Instant, Reason};
use mainstay_http::h1::{Client, Event};

pub(crate) const NOW: Instant = Instant::ZERO;

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Continue,
    Head(u16),
    Body(Vec<u8>),
    Complete,
    Failed(Reason),
}

/// Feeds `wire` in pieces of the given sizes, the last again and again.
pub(crate) fn feed(client: &mut Client, wire: &[u8], cuts: &[usize]) -> Vec<Said> {
    let (mut said, mut rest, mut cuts) = (Vec::new(), wire, cuts.iter());
    let mut size = usize::MAX;
    while !rest.is_empty() {
        size = cuts.next().copied().unwrap_or(size).max(1);
        let (piece, later) = rest.split_at(size.min(rest.len()));
        rest = later;
        let mut piece = piece.to_vec();
        let mut at = 0;
        while at < piece.len() {
            let taken = client.handle_input(NOW, &mut piece[at..]);
            events(client, &mut said);
            while let Some(payload) = client.next_payload(&mut piece[at..at + taken]) {
                assert!(!payload.bytes.is_empty());
                body(&mut said, payload.bytes);
            }
            events(client, &mut said);
            if taken == 0 {
                return said;
            }
            at += taken;
        }
    }
    said
}

pub(crate) fn events(client: &mut Client, said: &mut Vec<Said>) {
    while let Some(event) = client.poll_event() {
        said.push(match event {
            Event::Continue => Said::Continue,
            Event::Head(head) => Said::Head(head.status().as_u16()),
            Event::Complete => Said::Complete,
            Event::Failed(reason) => Said::Failed(reason),
        });
    }
}

fn body(said: &mut Vec<Said>, bytes: &[u8]) {
    if let Some(Said::Body(body)) = said.last_mut() {
        body.extend_from_slice(bytes);
    } else {
        said.push(Said::Body(bytes.to_vec()));
    }
}
