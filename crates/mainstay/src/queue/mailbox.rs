//! What handles want of the loop.

use super::clerk::Clerk;
use super::{Inside, Letters, News};
use crate::router::Router;
use crate::stream::Closed;
use mainstay_base::Instant;
use mainstay_host as host;
use mainstay_node::{Node, StreamId};
use std::collections::VecDeque;
#[expect(
    clippy::disallowed_types,
    reason = "the border between threads; nothing below has one"
)]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError};

/// What handles want of the loop.
#[expect(clippy::disallowed_types, reason = "the border between threads; nothing below has one")]
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    wishes: Mutex<Wishes>,
    waker: OnceLock<host::Waker>,
}

/// What is not yet carried out.
#[derive(Debug, Default)]
struct Wishes {
    list: VecDeque<Wish>,
    /// The loop is gone.
    closed: bool,
}

/// One wish.
#[derive(Debug)]
pub(crate) enum Wish {
    /// Create a stream and answer through its letters.
    Open(String, Arc<Letters>),
    /// Do something to it. It may be asked for before the stream is made.
    Ask(Arc<Letters>, Ask),
    /// Tell every stream that the wait was cancelled.
    Cancel,
}

/// What is wanted of a stream.
#[derive(Debug)]
pub(crate) enum Ask {
    /// The outbox, which was empty, has something.
    Send,
    /// The inbox has room.
    Resume,
    Connect,
    Metadata(String, Vec<u8>),
    Close,
    Destroy,
}

impl Mailbox {
    pub(crate) fn set_waker(&self, waker: host::Waker) {
        let _again = self.waker.set(waker);
    }

    pub(crate) fn put(&self, wish: Wish) {
        let mut wishes = self.wishes();
        if wishes.closed {
            drop(wishes);
            return wish.give_up();
        }
        wishes.list.push_back(wish);
        drop(wishes);
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    pub(crate) fn take(&self) -> Option<Wish> {
        self.wishes().list.pop_front()
    }

    /// The loop is gone: what was wished for will not be.
    pub(crate) fn close(&self) {
        let mut wishes = self.wishes();
        wishes.closed = true;
        let left = core::mem::take(&mut wishes.list);
        drop(wishes);
        left.into_iter().for_each(Wish::give_up);
    }

    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wish {
    pub(crate) fn carry_out(self, now: Instant, node: &mut Node, router: &mut Router) {
        match self {
            Self::Open(streamtype, letters) => match node.create(now, &streamtype) {
                Ok(id) => {
                    letters.with(News::State, |inside| inside.id = Some(id));
                    router.set(id, Box::new(Clerk::new(letters)));
                }
                Err(error) => {
                    letters.with(News::State, |inside| inside.over = Some(Closed::Refused(error)));
                }
            },
            Self::Ask(letters, ask) => {
                if let Some(id) = letters.look(|inside| inside.id) {
                    ask.carry_out(now, node, id, &letters);
                }
            }
            Self::Cancel => node.wait_cancelled(),
        }
    }

    /// There is no loop to carry it out.
    fn give_up(self) {
        if let Self::Open(_, letters) = self {
            letters.with(News::State, Inside::end);
        }
    }
}

impl Ask {
    fn carry_out(self, now: Instant, node: &mut Node, id: StreamId, letters: &Letters) {
        match self {
            Self::Send => Self::announce(now, node, id, letters),
            Self::Resume => node.pause(now, id, false),
            Self::Connect => {
                let _no_endpoint = node.connect(now, id);
            }
            Self::Metadata(name, value) => {
                let _undeclared = node.set_metadata(id, &name, &value);
                letters.look(|inside| inside.metadata_set += 1);
                Self::announce(now, node, id, letters);
            }
            Self::Close => node.close(now, id),
            Self::Destroy => node.destroy(now, id),
        }
    }

    fn announce(now: Instant, node: &mut Node, id: StreamId, letters: &Letters) {
        if let Some(len) = letters.look(Inside::announce) {
            node.request_tx_len(now, id, len);
        }
    }
}
