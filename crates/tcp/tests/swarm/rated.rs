//! A profile as networks of hosts have it: rates of delivery are measured, and what came early is kept as ranges.

use core::net::IpAddr;
use mainstay_tcp::congestion::AnyCc;
use mainstay_tcp::losses::{Rack, Record, Ring};
use mainstay_tcp::profile::SettingsOf;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::rate::{DeliveryRate, RateStamp};
use mainstay_tcp::reassembly::Ranges;
use mainstay_tcp::scoreboard::Scoreboard;
use mainstay_tcp::{Finest, Profile, SipHash};

#[derive(Debug)]
pub(crate) struct Rated;

impl Profile for Rated {
    type Storage = Vec<u8>;
    type Queue = RingQueue<Vec<u8>>;
    type Context = ();
    type Address = IpAddr;
    type Offset = u32;
    type Assembly = Ranges<u32, 128>;
    type Board = Scoreboard<u32, 128>;
    type Losses = Rack<RateStamp, Ring<Record<RateStamp>, 256>>;
    type Rate = DeliveryRate;
    type Finer = Finest;
    type Extras = ();
    type Congestion = AnyCc;
    type Settings = &'static SettingsOf<Self>;
    type Prf = SipHash;
    type Slots = [u32; 5];

    const TICK_SHIFT: u32 = 3;
}
