//! Queues of lent buffers in slots: in the endpoint itself, or in a slice of the caller's.

use super::{Slices, TxBuf, TxQueue};
use core::fmt;

/// Where the buffers of a [`SlotQueue`] stand.
pub trait Slots<B> {
    /// The slots.
    fn slots(&self) -> &[Option<B>];
    /// The same, to change them.
    fn slots_mut(&mut self) -> &mut [Option<B>];
}

impl<B, const N: usize> Slots<B> for [Option<B>; N] {
    fn slots(&self) -> &[Option<B>] {
        self
    }

    fn slots_mut(&mut self) -> &mut [Option<B>] {
        self
    }
}

impl<B> Slots<B> for &mut [Option<B>] {
    fn slots(&self) -> &[Option<B>] {
        self
    }

    fn slots_mut(&mut self) -> &mut [Option<B>] {
        self
    }
}

/// Up to `N` buffers in the endpoint.
pub type ArrayQueue<B, const N: usize> = SlotQueue<B, [Option<B>; N]>;

/// Buffers in slots: a ring that starts at `head`.
pub struct SlotQueue<B, S> {
    slots: S,
    head: usize,
    count: usize,
    /// Acknowledged bytes of the buffers that are still here.
    acknowledged: usize,
    /// Bytes that are not acknowledged.
    len: usize,
    buffers: core::marker::PhantomData<B>,
}

impl<B: TxBuf, const N: usize> Default for ArrayQueue<B, N> {
    fn default() -> Self {
        Self::new([const { None }; N])
    }
}

impl<B, S> fmt::Debug for SlotQueue<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotQueue").field("count", &self.count).field("len", &self.len).finish()
    }
}

impl<B: TxBuf, S: Slots<B>> SlotQueue<B, S> {
    /// An empty queue over slots that should all be `None`.
    pub const fn new(slots: S) -> Self {
        Self {
            slots,
            head: 0,
            count: 0,
            acknowledged: 0,
            len: 0,
            buffers: core::marker::PhantomData,
        }
    }

    /// How many buffers are in it, acknowledged or not.
    pub const fn count(&self) -> usize {
        self.count
    }

    fn place(&self, index: usize) -> usize {
        let (place, size) = (self.head + index, self.slots.slots().len());
        if place >= size { place - size } else { place }
    }

    fn buffer(&self, index: usize) -> Option<&B> {
        self.slots.slots().get(self.place(index))?.as_ref()
    }

    /// The bytes of the first buffer, where nearly every segment lies.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn first(&self) -> Option<&[u8]> {
        self.slots.slots().get(self.head)?.as_ref().map(TxBuf::bytes)
    }

    fn last_mut(&mut self) -> Option<&mut B> {
        let place = self.place(self.count.checked_sub(1)?);
        self.slots.slots_mut().get_mut(place)?.as_mut()
    }

    /// `len` bytes that lie in one buffer, as those of nearly every segment do.
    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn whole(&self, offset: usize, len: usize) -> Option<&[u8]> {
        let skip = self.acknowledged + offset;
        self.first()?.get(skip..skip + len).or_else(|| self.later(skip, len))
    }

    /// The same, after the first buffer.
    #[inline(never)]
    fn later(&self, mut skip: usize, len: usize) -> Option<&[u8]> {
        for index in 0..self.count {
            let bytes = self.buffer(index)?.bytes();
            if skip < bytes.len() {
                return bytes.get(skip..skip + len);
            }
            skip -= bytes.len();
        }
        None
    }

    /// Up to `want` bytes wherever they lie, after the `skip`th.
    #[inline(never)]
    fn gather(&self, mut skip: usize, mut want: usize) -> Slices<'_> {
        let mut slices = Slices::EMPTY;
        for index in 0..self.count {
            let Some(buffer) = self.buffer(index) else { break };
            let bytes = buffer.bytes();
            let Some(rest) = bytes.get(skip..) else {
                skip -= bytes.len();
                continue;
            };
            skip = 0;
            let part = rest.get(..want).unwrap_or(rest);
            if !slices.push(part) {
                break;
            }
            want -= part.len();
            if want == 0 {
                break;
            }
        }
        slices
    }

    fn pop(&mut self) -> Option<B> {
        let buffer = self.slots.slots_mut().get_mut(self.head)?.take()?;
        self.head = self.place(1);
        self.count -= 1;
        Some(buffer)
    }
}

impl<B: TxBuf, S: Slots<B>> TxQueue for SlotQueue<B, S> {
    type Buf = B;

    fn push(&mut self, buffer: B) -> Result<(), B> {
        if self.count == self.slots.slots().len() {
            return Err(buffer);
        }
        let (place, len) = (self.place(self.count), buffer.bytes().len());
        let Some(slot) = self.slots.slots_mut().get_mut(place) else { return Err(buffer) };
        *slot = Some(buffer);
        self.count += 1;
        self.len += len;
        Ok(())
    }

    #[inline]
    fn len(&self) -> usize {
        self.len
    }

    fn tail_mut(&mut self) -> Option<&mut [u8]> {
        if self.len == 0 {
            return None;
        }
        self.last_mut().map(TxBuf::capacity_tail)
    }

    fn extend(&mut self, count: usize) -> bool {
        if self.len == 0 {
            return false;
        }
        let Some(last) = self.last_mut() else { return false };
        if last.capacity_tail().len() < count {
            return false;
        }
        last.extend(count);
        self.len += count;
        true
    }

    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn slices(&self, offset: usize, len: usize) -> Slices<'_> {
        match self.whole(offset, len) {
            Some(all) => Slices::one(all),
            None if len == 0 => Slices::EMPTY,
            None => self.gather(self.acknowledged + offset, len),
        }
    }

    #[inline]
    fn acknowledge(&mut self, count: usize) {
        let count = count.min(self.len);
        self.acknowledged += count;
        self.len -= count;
    }

    #[cfg_attr(not(target_os = "none"), inline(always))]
    #[cfg_attr(target_os = "none", inline)]
    fn reach(&self, offset: usize, len: usize) -> usize {
        match self.whole(offset, len) {
            Some(all) => all.len(),
            None => self.slices(offset, len).len(),
        }
    }

    fn done(&mut self) -> Option<B> {
        if !self.has_done() {
            return None;
        }
        let buffer = self.pop()?;
        self.acknowledged -= buffer.bytes().len();
        Some(buffer)
    }

    fn reclaim(&mut self) -> Option<B> {
        let buffer = self.pop()?;
        let len = buffer.bytes().len();
        let acknowledged = len.min(self.acknowledged);
        self.acknowledged -= acknowledged;
        self.len -= len - acknowledged;
        Some(buffer)
    }

    #[inline]
    fn has_done(&self) -> bool {
        self.count > 0 && self.first().is_some_and(|first| first.len() <= self.acknowledged)
    }
}
