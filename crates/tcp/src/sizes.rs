//! What one connection takes of memory, checked when this crate is compiled (TCP-650).
//!
//! The core of a connection is its endpoint without the parts that the application brings along: receive storage, send
//! queue, settings and context. It is measured as an endpoint whose parts are of no size.

use crate::endpoint::Endpoint;
use crate::profile::{Host, Profile, Std, Tiny, parts_of};
use crate::queue::{Slices, TxQueue};
use crate::settings::Settings;
use core::marker::PhantomData;

/// The core of a connection of profile `P`, in bytes.
pub(crate) const fn core_size<P: Profile>() -> usize {
    size_of::<Endpoint<Bare<P>>>()
}

/// Profile `P` without what the application brings along.
struct Bare<P>(PhantomData<P>);

/// A part that is never made, and of no size.
enum Nothing {}

impl AsRef<[u8]> for Nothing {
    fn as_ref(&self) -> &[u8] {
        match *self {}
    }
}

impl AsMut<[u8]> for Nothing {
    fn as_mut(&mut self) -> &mut [u8] {
        match *self {}
    }
}

impl<C> AsRef<Settings<C>> for Nothing {
    fn as_ref(&self) -> &Settings<C> {
        match *self {}
    }
}

impl TxQueue for Nothing {
    type Buf = Self;

    fn push(&mut self, _buffer: Self) -> Result<(), Self> {
        match *self {}
    }

    fn len(&self) -> usize {
        match *self {}
    }

    fn tail_mut(&mut self) -> Option<&mut [u8]> {
        match *self {}
    }

    fn extend(&mut self, _count: usize) -> bool {
        match *self {}
    }

    fn slices(&self, _offset: usize, _len: usize) -> Slices<'_> {
        match *self {}
    }

    fn acknowledge(&mut self, _count: usize) {
        match *self {}
    }

    fn done(&mut self) -> Option<Self> {
        match *self {}
    }

    fn reclaim(&mut self) -> Option<Self> {
        match *self {}
    }

    fn has_done(&self) -> bool {
        match *self {}
    }
}

impl<P: Profile> Profile for Bare<P> {
    type Storage = Nothing;
    type Queue = Nothing;
    type Context = ();
    type Settings = Nothing;
    parts_of!(P, Slots, Extras);
}

// Deferred TCP-650: tiny has its 248 bytes for 64 bits, host its 1408; tiny for 32 bits (192) and std (320, 352) wait for
// a table of local addresses (15 bytes), halves of sequence numbers (12 in tiny) and records without full ones (8 in std).
/// The largest cores, on 32 bits as on 64. measured: here; what there is, and it may only shrink
const TINY_MAX: usize = 228;
const STD_MAX: usize = 448;
const HOST_MAX: usize = 1116;

type Bytes = &'static mut [u8];

const _: () = {
    assert!(core_size::<Tiny<Bytes, Nothing>>() <= TINY_MAX, "tiny has grown");
    assert!(core_size::<Std<Bytes, Nothing>>() <= STD_MAX, "std has grown");
    assert!(core_size::<Host<Bytes, Nothing>>() <= HOST_MAX, "host has grown");
};

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::engine::Listener;
    use crate::queue::RingQueue;
    use std::print;

    /// What the parts add to a core is their own sizes and no more than is lost by alignment.
    fn measure<P: Profile>(name: &str) -> usize {
        let core = core_size::<P>();
        let parts = size_of::<P::Storage>() + size_of::<P::Queue>() + size_of::<P::Settings>();
        let whole = size_of::<Endpoint<P>>();
        print!("{name}: core {core}, with its references {whole}\n");
        for (part, size) in parts_of::<P>() {
            print!("  {part} {size}\n");
        }
        assert!(whole >= core - 4 + parts && whole <= core + parts + 8, "{name}: {core}, {whole}");
        core
    }

    /// The parts that are more than a number.
    fn parts_of<P: Profile>() -> [(&'static str, usize); 12] {
        [
            ("addresses", 2 * size_of::<P::Address>()),
            ("ring", size_of::<crate::reassembly::Ring<P::Offset, P::Assembly>>()),
            ("round trip", size_of::<crate::rtt::RoundTrip>()),
            ("deadlines", size_of::<P::Slots>()),
            ("fine", size_of::<P::Finer>()),
            ("extras", size_of::<P::Extras>()),
            ("episode", size_of::<EpisodeOf<P>>()),
            ("congestion", size_of::<P::Congestion>()),
            ("board", size_of::<P::Board>()),
            ("losses", size_of::<P::Losses>()),
            ("rate", size_of::<P::Rate>()),
            ("hints", size_of::<crate::endpoint::Hints>()),
        ]
    }

    type EpisodeOf<P> = crate::recovery::Episode<
        <P as Profile>::Offset,
        <<P as Profile>::Congestion as crate::congestion::CongestionControl>::Snapshot,
    >;

    #[test]
    fn sizes_of_cores_are_those_of_the_table() {
        assert!(measure::<Tiny<Bytes, RingQueue<Bytes>>>("tiny") <= TINY_MAX);
        assert!(measure::<Std<Bytes, RingQueue<Bytes>>>("std") <= STD_MAX);
        assert!(measure::<Host<Bytes, RingQueue<Bytes>>>("host") <= HOST_MAX);
        print!("listener: {}\n", size_of::<Listener>());
        assert!(size_of::<Listener>() <= 28);
    }
}
