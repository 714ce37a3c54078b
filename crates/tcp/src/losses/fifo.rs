//! Where records stand: an array in the endpoint, or what a profile brings along.

use core::fmt;

/// A bounded queue that can be read and changed in the middle.
pub trait Fifo<T>: Default {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// For how many more there is room.
    fn room(&self) -> usize;
    /// The `index`th, from the oldest.
    fn get(&self, index: usize) -> Option<&T>;
    /// The same, to change it.
    fn get_mut(&mut self, index: usize) -> Option<&mut T>;
    /// Adds the newest; forgets it if there is no room.
    fn push(&mut self, item: T);
    /// Adds one before the `index`th; forgets it if there is no room.
    fn insert(&mut self, index: usize, item: T);
    /// Removes the oldest.
    fn pop(&mut self) -> Option<T>;
    /// Removes the oldest ones that are `done` and gives the last of them.
    fn pop_while(&mut self, done: impl Fn(&T) -> bool) -> Option<T> {
        let mut last = None;
        while self.get(0).is_some_and(&done) {
            last = self.pop();
        }
        last
    }
    /// Keeps the oldest `len`.
    fn truncate(&mut self, len: usize);
}

/// Up to `N` in an array, `N` at least 1.
#[derive(Clone, Copy)]
pub struct Ring<T, const N: usize> {
    items: [T; N],
    head: u16,
    len: u16,
}

impl<T, const N: usize> fmt::Debug for Ring<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("len", &self.len).field("of", &N).finish()
    }
}

impl<T: Copy + Default, const N: usize> Default for Ring<T, N> {
    fn default() -> Self {
        const { assert!(N > 0 && N <= 1 << 15) };
        Self { items: [T::default(); N], head: 0, len: 0 }
    }
}

impl<T, const N: usize> Ring<T, N> {
    const fn place(&self, index: usize) -> usize {
        let place = self.head as usize + index;
        if place >= N { place - N } else { place }
    }
}

impl<T: Copy + Default, const N: usize> Fifo<T> for Ring<T, N> {
    #[inline]
    fn len(&self) -> usize {
        usize::from(self.len)
    }

    #[inline]
    fn room(&self) -> usize {
        N - self.len()
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len() {
            return None;
        }
        self.items.get(self.place(index))
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len() {
            return None;
        }
        let place = self.place(index);
        self.items.get_mut(place)
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn push(&mut self, item: T) {
        let place = self.place(self.len());
        if self.room() > 0
            && let Some(slot) = self.items.get_mut(place)
        {
            *slot = item;
            self.len += 1;
        }
    }

    fn insert(&mut self, index: usize, item: T) {
        if self.room() == 0 || index > self.len() {
            return;
        }
        self.push(item);
        for at in (index + 1..self.len()).rev() {
            let (from, to) = (self.place(at - 1), self.place(at));
            self.items[to] = self.items[from];
        }
        let place = self.place(index);
        self.items[place] = item;
    }

    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    fn pop(&mut self) -> Option<T> {
        let item = *self.get(0)?;
        self.head = u16::try_from(self.place(1)).unwrap_or(0);
        self.len -= 1;
        Some(item)
    }

    #[inline]
    fn pop_while(&mut self, done: impl Fn(&T) -> bool) -> Option<T> {
        let (mut head, mut left, mut last) = (usize::from(self.head), self.len, None);
        while left > 0
            && let Some(item) = self.items.get(head).filter(|item| done(item))
        {
            (last, left) = (Some(*item), left - 1);
            head = if head + 1 == N { 0 } else { head + 1 };
        }
        (self.head, self.len) = (u16::try_from(head).unwrap_or(0), left);
        last
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(u16::try_from(len).unwrap_or(u16::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_wraps_and_takes_insertions_in_the_middle() {
        let mut ring = Ring::<u8, 4>::default();
        for n in 0..3 {
            ring.push(n);
        }
        assert_eq!(ring.pop(), Some(0));
        ring.push(3);
        ring.insert(1, 9);
        assert_eq!(ring.room(), 0);
        ring.insert(0, 7); // no room: forgotten
        let items: [Option<u8>; 5] = core::array::from_fn(|n| ring.get(n).copied());
        assert_eq!(items, [Some(1), Some(9), Some(2), Some(3), None]);
        assert_eq!(ring.pop_while(|n| *n == 0), None);
        assert_eq!(ring.pop_while(|n| *n != 3), Some(2));
        assert_eq!((ring.len(), ring.pop_while(|_| true), ring.len()), (1, Some(3), 0));
    }
}
