//! What a connection is made of: sizes and parts, chosen once by a type (section 0.1 of the specification).

use crate::congestion::hystart::Standard;
use crate::congestion::{CongestionControl, Cubic, NewReno};
use crate::endpoint::{Address, Either};
use crate::extras::{Extra, Extras};
use crate::fine::{Finer, Finest, Rounds};
use crate::losses::{Episode, Losses, Rack, Record, Ring};
use crate::offset::Offset;
use crate::prf::{Prf, SipHash};
use crate::queue::TxQueue;
use crate::rate::Rate;
use crate::reassembly::{Assembly, Bitmap};
use crate::scoreboard::{Sacked, Scoreboard};
use crate::settings::Settings;
use crate::trace::Step;
use core::fmt::Debug;
use core::marker::PhantomData;
use core::net::Ipv6Addr;

/// The parts of a connection.
pub trait Profile {
    /// Where received bytes lie.
    type Storage: AsRef<[u8]> + AsMut<[u8]>;
    /// Where bytes to send wait.
    type Queue: TxQueue;
    /// What the application keeps with an endpoint.
    type Context;
    /// How addresses are kept.
    type Address: Address;
    /// Positions in the receive storage and in the flight.
    type Offset: Offset;
    /// What arrived out of order.
    type Assembly: Assembly<Self::Offset>;
    /// What the peer holds out of order.
    type Board: Sacked + Default + Debug;
    /// What is lost.
    type Losses: Losses<Stamp = <Self::Rate as Rate>::Stamp>;
    /// How fast the path delivers.
    type Rate: Rate;
    /// How much may be sent.
    type Congestion: CongestionControl;
    /// The settings, or a reference to shared ones.
    type Settings: AsRef<SettingsOf<Self>>;
    /// The keyed function.
    type Prf: Prf;
    /// Deadlines: acknowledgement, retransmission, the rest, then user timeout, then pacing, as far as there are so many.
    type Slots: AsRef<[u32]> + AsMut<[u32]> + Default + Copy + Debug;

    /// What needs a fine clock: the smallest round trip, rounds, probes for losses at the end, pacing; or nothing.
    type Finer: Finer;

    /// What nodes of a mesh and policies ask for; or nothing.
    type Extras: Extras;

    /// Deadlines are kept in units of two to the power of this microseconds (TCP-401).
    const TICK_SHIFT: u32;

    /// What pays only where much is sent, and takes text: prediction of headers, super-segments (TCP-600), pacing (TCP-310).
    const BULK: bool = true;
    /// Is told of each step of a connection; nobody is, unless a profile says otherwise (TCP-095).
    #[inline]
    fn trace(_context: &mut Self::Context, _step: Step) {}
}

/// The settings of a profile.
pub type SettingsOf<P> = Settings<<<P as Profile>::Congestion as CongestionControl>::Config>;

/// Low-power nodes: windows up to 65 535 bytes, a clock of about a millisecond, no records.
#[derive(Debug)]
pub struct Tiny<B, Q, X = ()>(PhantomData<(B, Q, X)>);

impl<B: AsRef<[u8]> + AsMut<[u8]>, Q: TxQueue, X> Profile for Tiny<B, Q, X> {
    type Storage = B;
    type Queue = Q;
    type Context = X;
    type Address = Ipv6Addr;
    type Offset = u16;
    type Assembly = Bitmap;
    type Board = Scoreboard<u16, 4>;
    type Losses = Episode<u16>;
    type Rate = ();
    type Congestion = NewReno<Standard, u16>;
    type Settings = &'static SettingsOf<Self>;
    type Prf = SipHash;
    type Slots = [u32; 3];
    type Finer = ();
    type Extras = ();
    const TICK_SHIFT: u32 = 10;
    const BULK: bool = false;
}

/// Embedded systems: both IP versions, RACK with 8 records.
#[derive(Debug)]
pub struct Std<B, Q, X = ()>(PhantomData<(B, Q, X)>);

impl<B: AsRef<[u8]> + AsMut<[u8]>, Q: TxQueue, X> Profile for Std<B, Q, X> {
    type Storage = B;
    type Queue = Q;
    type Context = X;
    type Address = Either;
    type Offset = u32;
    type Assembly = Bitmap;
    type Board = Scoreboard<u32, 8>;
    type Losses = Rack<(), Ring<Record<()>, 8>>;
    type Rate = ();
    type Congestion = Cubic;
    type Settings = &'static SettingsOf<Self>;
    type Prf = SipHash;
    type Slots = [u32; 4];
    type Finer = Rounds;
    type Extras = ();
    const TICK_SHIFT: u32 = 10;
    const BULK: bool = false;
}

/// Gateways and servers: large windows, 64 records, pacing.
#[derive(Debug)]
pub struct Host<B, Q, X = (), C = Cubic>(PhantomData<(B, Q, X, C)>);

impl<B, Q, X, C> Profile for Host<B, Q, X, C>
where
    B: AsRef<[u8]> + AsMut<[u8]>,
    Q: TxQueue,
    C: CongestionControl,
    C::Config: 'static,
{
    type Storage = B;
    type Queue = Q;
    type Context = X;
    type Address = Either;
    type Offset = u32;
    type Assembly = Bitmap;
    type Board = Scoreboard<u32, 32>;
    type Losses = Rack<(), Ring<Record<()>, 64>>;
    type Rate = ();
    type Congestion = C;
    type Settings = &'static SettingsOf<Self>;
    type Prf = SipHash;
    type Slots = [u32; 5];
    type Finer = Finest;
    type Extras = ();
    const TICK_SHIFT: u32 = 3;
}

/// What profiles made of profile `$of` have of it: how a connection works, and of the rest the parts that are named.
macro_rules! parts_of {
    ($of:ident, $($part:ident),+) => {
        type Address = $of::Address;
        type Offset = $of::Offset;
        type Assembly = $of::Assembly;
        type Board = $of::Board;
        type Losses = $of::Losses;
        type Rate = $of::Rate;
        type Congestion = $of::Congestion;
        type Prf = $of::Prf;
        type Finer = $of::Finer;
        $(type $part = $of::$part;)+
        const TICK_SHIFT: u32 = $of::TICK_SHIFT;
        const BULK: bool = $of::BULK;
    };
}
pub(crate) use parts_of;

/// Profile `P` with [`Extra`]: counts for a policy, and what spares the radio of a node in a mesh. It has all five
/// deadlines, because segments that leave with a gap between them need one.
#[derive(Debug)]
pub struct Extended<P>(PhantomData<P>);

impl<P: Profile> Profile for Extended<P> {
    type Slots = [u32; 5];
    type Extras = Extra;
    parts_of!(P, Storage, Queue, Context, Settings);

    fn trace(context: &mut P::Context, step: Step) {
        P::trace(context, step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::RingQueue;
    use crate::trace::{Tally, Traced};

    type Small = Tiny<[u8; 9], RingQueue<[u8; 9]>, Tally>;

    #[test]
    fn a_profile_made_of_another_has_its_clock_and_leaves_out_what_it_leaves_out() {
        const {
            assert!(!<Traced<Small> as Profile>::BULK && !<Extended<Small> as Profile>::BULK);
            assert!(<Traced<Small> as Profile>::TICK_SHIFT == Small::TICK_SHIFT);
            assert!(<Extended<Small> as Profile>::TICK_SHIFT == Small::TICK_SHIFT);
        }
    }
}
