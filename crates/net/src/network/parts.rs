//! What connections of a network are made of: memory in vectors, and every part that helps on long paths.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use mainstay_tcp::congestion::AnyCc;
use mainstay_tcp::fast_open::Server;
use mainstay_tcp::index::{Node, Table};
use mainstay_tcp::losses::{Fifo, Rack, Record};
use mainstay_tcp::profile::SettingsOf;
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::rate::{DeliveryRate, RateStamp};
use mainstay_tcp::reassembly::Ranges;
use mainstay_tcp::scoreboard::Scoreboard;
use mainstay_tcp::syn_queue::SynEntry;
use mainstay_tcp::time_wait::TimeWaitRecord;
use mainstay_tcp::{Fine, Kept, Listener, Profile, SipHash, Slot, Tables};

/// How connections of a network behave.
pub type Settings = SettingsOf<Own>;

/// The profile of a network's connections. An idle one costs its two buffers' touched pages and about three kilobytes.
#[derive(Debug)]
pub struct Own;

impl Profile for Own {
    type Storage = Vec<u8>;
    type Queue = RingQueue<Vec<u8>>;
    type Context = u64;
    type Address = IpAddr;
    type Offset = u32;
    type Assembly = Ranges<u32, 128>;
    type Board = Scoreboard<u32, 128>;
    type Losses = Rack<RateStamp, Records>;
    type Rate = DeliveryRate;
    type Finer = Fine;
    type Extras = ();
    type Congestion = AnyCc;
    type Settings = Arc<Settings>;
    type Prf = SipHash;
    type Slots = [u32; 5];
    const TICK_SHIFT: u32 = 3;
}

/// What a network keeps of TCP beside endpoints.
pub(super) type Memory = Kept<Vec<TimeWaitRecord>, Vec<SynEntry>, Vec<Server>>;

/// Everything in vectors that grow.
#[derive(Debug)]
pub struct Vectors;

impl Tables for Vectors {
    type Profile = Own;
    type Slots = Vec<Slot<Own>>;
    type Listeners = Vec<Listener>;
    type Index = Table<Vec<Node>>;
    type Memory = Memory;
}

/// Records of transmissions in memory that is taken when needed, so that an idle connection has none.
#[derive(Debug, Default)]
pub struct Records(VecDeque<Record<RateStamp>>);

/// Records of one connection at most. chosen: a gigabit path of 80 ms in super-segments, 64 KiB
const RECORDS_MAX: usize = 2048;

impl Fifo<Record<RateStamp>> for Records {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn room(&self) -> usize {
        RECORDS_MAX.saturating_sub(self.0.len())
    }

    fn get(&self, index: usize) -> Option<&Record<RateStamp>> {
        self.0.get(index)
    }

    fn get_mut(&mut self, index: usize) -> Option<&mut Record<RateStamp>> {
        self.0.get_mut(index)
    }

    fn push(&mut self, item: Record<RateStamp>) {
        if self.room() > 0 {
            self.0.push_back(item);
        }
    }

    fn insert(&mut self, index: usize, item: Record<RateStamp>) {
        if self.room() > 0 && index <= self.0.len() {
            self.0.insert(index, item);
        }
    }

    fn pop(&mut self) -> Option<Record<RateStamp>> {
        let item = self.0.pop_front();
        if self.0.is_empty() && self.0.capacity() > IDLE_RECORDS {
            self.0 = VecDeque::new();
        }
        item
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }
}

/// Room for so many is kept when there is none, so that short exchanges need no memory each time. chosen: 1 KiB
const IDLE_RECORDS: usize = 32;
