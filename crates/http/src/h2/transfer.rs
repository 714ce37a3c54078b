//! One stream's payload, both ways: what the windows let out, what has come in.

use super::Misuse;
use ::h2::{Error, RecvStream, SendStream};
use bytes::Bytes;
use core::task::{Context, Poll};

/// A slice of payload received on one stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Payload<'b> {
    /// Which stream.
    pub id: u32,
    /// The bytes; never empty.
    pub bytes: &'b [u8],
}

/// The sending half of a stream whose body is not complete.
#[derive(Debug)]
pub(super) struct Sending {
    stream: SendStream<Bytes>,
    /// Announced bytes still to come.
    left: Option<u64>,
    /// More was wanted than the windows allow: a `Writable` is owed.
    owed: bool,
    /// Window is held that was offered and not used.
    offered: bool,
}

impl Sending {
    pub(super) const fn new(stream: SendStream<Bytes>, left: Option<u64>) -> Self {
        Self { stream, left, owed: false, offered: false }
    }

    /// What `send` takes now, up to `max`; it is kept for this stream until the next `send`.
    pub(super) fn room(&mut self, cx: &mut Context<'_>, max: usize) -> usize {
        let max = self.clamp(max);
        let room = self.grasp(max);
        self.offered = room > 0;
        if room == 0 && max > 0 {
            self.owe(cx);
        }
        room
    }

    /// Takes what the windows and the announced length allow; the rest is asked for.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, bytes: &[u8], max: usize) -> usize {
        let wanted = self.clamp(bytes.len());
        let taken = self.grasp(wanted.min(max)).min(wanted);
        if taken > 0 {
            self.left = self.left.map(|left| left.saturating_sub(taken as u64));
            let payload = Bytes::copy_from_slice(bytes.get(..taken).unwrap_or_default());
            if self.stream.send_data(payload, self.left == Some(0)).is_err() {
                return 0;
            }
        }
        if taken < wanted {
            self.owe(cx);
        } else if core::mem::take(&mut self.offered) && self.left != Some(0) {
            self.stream.reserve_capacity(0);
        }
        taken
    }

    /// Ends the body. A body of announced length ended itself with its last byte.
    pub(super) fn finish(&mut self) -> Result<(), Misuse> {
        match self.left {
            Some(0) => Ok(()),
            Some(_) => Err(Misuse::Length),
            None => {
                // An error means that the stream is over, which is reported where it is read.
                let _over = self.stream.send_data(Bytes::new(), true);
                self.left = Some(0);
                Ok(())
            }
        }
    }

    /// Whether the body is complete.
    pub(super) const fn is_finished(&self) -> bool {
        matches!(self.left, Some(0))
    }

    /// Whether an owed `Writable` has come due.
    pub(super) fn became_writable(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.owed {
            return false;
        }
        let polled = self.stream.poll_capacity(cx);
        self.owed = polled.is_pending();
        matches!(polled, Poll::Ready(Some(Ok(_))))
    }

    /// The reset the peer sent, if it did; and asks to be woken for it.
    pub(super) fn reset_by_peer(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        match self.stream.poll_reset(cx) {
            Poll::Pending => None,
            Poll::Ready(Ok(code)) => Some(code.into()),
            Poll::Ready(Err(error)) => Some(error),
        }
    }

    fn clamp(&self, len: usize) -> usize {
        self.left.map_or(len, |left| usize::try_from(left).unwrap_or(usize::MAX).min(len))
    }

    /// Window of this stream up to `wanted`, reserved if it is not yet.
    fn grasp(&mut self, wanted: usize) -> usize {
        let held = self.stream.capacity();
        if held >= wanted {
            return held.min(wanted);
        }
        self.stream.reserve_capacity(wanted);
        self.stream.capacity().min(wanted)
    }

    fn owe(&mut self, cx: &mut Context<'_>) {
        self.owed = true;
        // Window that came in between is not lost: the flag stays, and is looked at again.
        if self.stream.poll_capacity(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// What a look at the receiving half gave.
#[derive(Debug)]
pub(super) enum Pulled {
    /// Payload, its window not yet given back; and whether it was the last.
    Payload(Bytes, bool),
    /// The peer sent all of it.
    Ended,
    /// The stream is over before that.
    Broken(Error),
    /// Nothing yet.
    Nothing,
}

/// Looks for payload on `body`.
pub(super) fn pull(body: &mut RecvStream, cx: &mut Context<'_>) -> Pulled {
    loop {
        match body.poll_data(cx) {
            Poll::Pending => return Pulled::Nothing,
            Poll::Ready(None) => return Pulled::Ended,
            Poll::Ready(Some(Err(error))) => return Pulled::Broken(error),
            Poll::Ready(Some(Ok(bytes))) if bytes.is_empty() => {}
            Poll::Ready(Some(Ok(bytes))) => {
                let last = body.is_end_stream();
                return Pulled::Payload(bytes, last);
            }
        }
    }
}
