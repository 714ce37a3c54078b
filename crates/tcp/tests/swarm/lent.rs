//! Queues as applications use them: buffers that are lent and must come back, and bytes that are copied.

use core::convert::Infallible;
use mainstay_tcp::queue::{ArrayQueue, CopyQueue as _, RingQueue, TxBuf, TxQueue};
use mainstay_tcp::{Live, Profile, Push, Tables, TcpError};

/// A buffer with a number.
pub(crate) struct Lent {
    number: usize,
    bytes: Vec<u8>,
    len: usize,
}

impl core::fmt::Debug for Lent {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Lent").field("number", &self.number).field("len", &self.len).finish()
    }
}

impl TxBuf for Lent {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn capacity_tail(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len..]
    }

    fn extend(&mut self, count: usize) {
        self.len += count;
        assert!(self.len <= self.bytes.len(), "extended beyond its room");
    }
}

/// What comes back.
pub(crate) trait Given: core::fmt::Debug {
    fn number(&self) -> usize;
}

impl Given for Lent {
    fn number(&self) -> usize {
        self.number
    }
}

impl Given for Infallible {
    fn number(&self) -> usize {
        match *self {}
    }
}

/// A queue an application can feed.
pub(crate) trait Feed: TxQueue<Buf: Given> + Sized {
    fn with_room(bytes: usize) -> Self;

    /// Buffers that are in it.
    fn held(&self) -> usize;

    /// Queues some of `bytes`, as buffer `number` if it is one; how many, and whether a buffer was lent.
    fn feed<T: Tables<Profile: Profile<Queue = Self>>>(
        live: &mut Live<'_, T>,
        bytes: &[u8],
        push: Push,
        number: usize,
    ) -> Result<(usize, bool), TcpError>;
}

impl Feed for RingQueue<Vec<u8>> {
    fn with_room(bytes: usize) -> Self {
        Self::new(vec![0; bytes])
    }

    fn held(&self) -> usize {
        0
    }

    fn feed<T: Tables<Profile: Profile<Queue = Self>>>(
        live: &mut Live<'_, T>,
        bytes: &[u8],
        push: Push,
        _number: usize,
    ) -> Result<(usize, bool), TcpError> {
        let room = live.endpoint().unwrap().queue().room();
        let count = live.write(bytes, push)?;
        assert_eq!(count, room.min(bytes.len()), "all that there is room for is taken");
        Ok((count, false))
    }
}

impl Feed for ArrayQueue<Lent, 7> {
    fn with_room(_bytes: usize) -> Self {
        Self::default()
    }

    fn held(&self) -> usize {
        self.count()
    }

    fn feed<T: Tables<Profile: Profile<Queue = Self>>>(
        live: &mut Live<'_, T>,
        bytes: &[u8],
        push: Push,
        number: usize,
    ) -> Result<(usize, bool), TcpError> {
        if let Some(tail) = live.tail_mut()
            && !tail.is_empty()
            && !bytes.is_empty()
        {
            let count = tail.len().min(bytes.len());
            tail[..count].copy_from_slice(&bytes[..count]);
            live.extend(count, push)?;
            return Ok((count, false));
        }
        let mut room = bytes.to_vec();
        // Every third has room to be extended.
        room.resize(
            bytes.len() + if number.is_multiple_of(3) { bytes.len() / 2 + 3 } else { 0 },
            0,
        );
        let lent = Lent { number, bytes: room, len: bytes.len() };
        match live.send(lent, push) {
            Ok(()) => Ok((bytes.len(), true)),
            Err(refused) => {
                assert_eq!(refused.buffer.number, number, "another buffer came back");
                if refused.error == TcpError::QueueFull {
                    return Ok((0, false));
                }
                Err(refused.error)
            }
        }
    }
}
