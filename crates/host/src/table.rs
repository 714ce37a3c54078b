//! All sockets of a driver, found by the machine's id or by the kernel's token.
//!
//! Ids are reused as soon as the machine has closed them, and so are the slab's places. A key
//! carries a generation, so that an event or a queue entry of a socket that is gone finds nothing.

use crate::socket::Slot;
use mainstay_base::SocketId;
use mio::Token;
use slab::Slab;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

/// Half of the bits are the place in the slab, the other half its generation.
const HALF: u32 = usize::BITS / 2;
const PLACE_MASK: usize = (1 << HALF) - 1;

/// The token of the waker; no key is equal to it, as no generation is all ones.
pub(crate) const WAKE_TOKEN: Token = Token(usize::MAX);

/// Names one socket for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(usize);

#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Slab<Slot>,
    ids: BTreeMap<SocketId, Key>,
    generation: usize,
}

impl Key {
    pub(crate) const fn token(self) -> Token {
        Token(self.0)
    }

    pub(crate) const fn from_token(token: Token) -> Self {
        Self(token.0)
    }

    const fn place(self) -> usize {
        self.0 & PLACE_MASK
    }
}

impl Table {
    /// Takes a new socket in. `id` must be free.
    pub(crate) fn insert(&mut self, fd: OwnedFd, id: SocketId, unix: bool) -> Key {
        self.generation = (self.generation + 1) % PLACE_MASK;
        let entry = self.slots.vacant_entry();
        let key = Key(entry.key() | (self.generation << HALF));
        entry.insert(Slot::new(fd, key, id, unix));
        let before = self.ids.insert(id, key);
        debug_assert!(before.is_none(), "the machine uses an id twice: {id:?}");
        key
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Slot> {
        self.slots.get(key.place()).filter(|slot| slot.key == key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.place()).filter(|slot| slot.key == key)
    }

    pub(crate) fn find(&self, id: SocketId) -> Option<Key> {
        self.ids.get(&id).copied()
    }

    /// Makes the id free while the socket lives on.
    pub(crate) fn forget_id(&mut self, id: SocketId) -> Option<Key> {
        self.ids.remove(&id)
    }

    /// Takes a socket out, with its id if it still has it.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Slot> {
        let slot = self.slots.get(key.place())?;
        if slot.key != key {
            return None;
        }
        if self.ids.get(&slot.id) == Some(&key) {
            self.ids.remove(&slot.id);
        }
        self.slots.try_remove(key.place())
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_fd() -> OwnedFd {
        std::fs::File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn a_key_of_a_socket_that_is_gone_finds_nothing_in_its_old_place() {
        let mut table = Table::default();
        let first = table.insert(any_fd(), SocketId(7), false);
        assert!(table.remove(first).is_some());
        let second = table.insert(any_fd(), SocketId(7), false);
        assert_eq!(first.place(), second.place());
        assert!(table.get(first).is_none());
        assert!(table.remove(first).is_none());
        assert_eq!(table.get(second).map(|slot| slot.id), Some(SocketId(7)));
        assert_eq!(Key::from_token(second.token()), second);
        assert_ne!(second.token(), WAKE_TOKEN);
    }

    #[test]
    fn removing_a_forgotten_socket_leaves_the_new_owner_of_its_id() {
        let mut table = Table::default();
        let old = table.insert(any_fd(), SocketId(1), false);
        assert_eq!(table.forget_id(SocketId(1)), Some(old));
        let new = table.insert(any_fd(), SocketId(1), false);
        assert!(table.remove(old).is_some());
        assert_eq!(table.find(SocketId(1)), Some(new));
        assert_eq!(table.len(), 1);
    }
}
