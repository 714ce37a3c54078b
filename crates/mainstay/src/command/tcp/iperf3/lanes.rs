//! The connections for data.

use super::control::COOKIE;
use super::words::Results;
use crate::command::exit::Failure;
use crate::command::tcp::flow::CHUNK;
use crate::command::tcp::ground::{Ground, Input, Place};
use crate::command::tcp::report::Report;

/// Bytes of one block, as iperf3 has them by default.
pub(super) const BLOCK: usize = 128 << 10;

/// Reads of one connection before the others have theirs. chosen: a receive buffer's worth
const READS_MAX: usize = 16;

/// All of them.
#[derive(Debug)]
pub(super) struct Lanes {
    list: Vec<Lane>,
    sends: bool,
    block: Vec<u8>,
}

#[derive(Debug)]
struct Lane {
    place: Place,
    /// Of the cookie: what is still to be sent.
    greeting: Vec<u8>,
    count: u64,
}

impl Lanes {
    /// None yet; we send on them or we receive.
    pub(super) fn new(sends: bool) -> Self {
        // Not easily compressed by what lies between.
        let block = (0_u32..).take(CHUNK).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]);
        Self { list: Vec::new(), sends, block: block.collect() }
    }

    pub(super) const fn sends(&self) -> bool {
        self.sends
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a connection that begins with this cookie, if we are to say it.
    pub(super) fn add(&mut self, place: Place, cookie: Option<&[u8; COOKIE]>) {
        let greeting = cookie.map(|cookie| cookie.to_vec()).unwrap_or_default();
        self.list.push(Lane { place, greeting, count: 0 });
    }

    /// Says the cookies; whether any byte moved.
    pub(super) fn greet(&mut self, ground: &mut dyn Ground) -> Result<bool, Failure> {
        let mut moved = false;
        for lane in self.list.iter_mut().filter(|lane| !lane.greeting.is_empty()) {
            let count = ground.write(lane.place, &lane.greeting)?;
            lane.greeting.drain(..count);
            moved |= count > 0;
        }
        Ok(moved)
    }

    /// Bytes that each has moved.
    pub(super) fn counts(&self) -> impl Iterator<Item = u64> + '_ {
        self.list.iter().map(|lane| lane.count)
    }

    /// Bytes that all have moved.
    pub(super) fn total(&self) -> u64 {
        self.counts().sum()
    }

    /// What has moved so far does not count.
    pub(super) fn forget(&mut self) {
        self.list.iter_mut().for_each(|lane| lane.count = 0);
    }

    /// Bytes we sent that the peer has not acknowledged, as far as is known.
    pub(super) fn unacknowledged(&self, ground: &dyn Ground) -> usize {
        self.list.iter().map(|lane| ground.unacknowledged(lane.place)).sum()
    }

    /// Segments that were sent again, if somebody says.
    pub(super) fn resent(&self, ground: &dyn Ground) -> Option<u32> {
        self.list.iter().map(|lane| ground.resent(lane.place)).sum()
    }

    /// What is known of the first, for people.
    pub(super) fn known(&self, ground: &dyn Ground) -> String {
        self.list.first().map(|lane| ground.known(lane.place)).unwrap_or_default()
    }

    /// Moves data, at most so many bytes in all if we send; whether any moved.
    pub(super) fn exchange(
        &mut self,
        ground: &mut dyn Ground,
        limit: Option<u64>,
        report: &mut Report,
    ) -> Result<bool, Failure> {
        if self.sends { self.send(ground, limit, report) } else { self.receive(ground, report) }
    }

    fn send(
        &mut self,
        ground: &mut dyn Ground,
        limit: Option<u64>,
        report: &mut Report,
    ) -> Result<bool, Failure> {
        let mut left = limit.map(|limit| limit.saturating_sub(self.total()));
        let mut moved = false;
        for lane in &mut self.list {
            let len = left.and_then(|left| usize::try_from(left).ok()).unwrap_or(CHUNK).min(CHUNK);
            let bytes = self.block.get(..len).unwrap_or_default();
            if bytes.is_empty() || !lane.greeting.is_empty() {
                continue;
            }
            let count = ground.write(lane.place, bytes)? as u64;
            lane.count += count;
            report.sent += count;
            left = left.map(|left| left.saturating_sub(count));
            moved |= count > 0;
        }
        Ok(moved)
    }

    fn receive(&mut self, ground: &mut dyn Ground, report: &mut Report) -> Result<bool, Failure> {
        let mut moved = false;
        for lane in &mut self.list {
            for _ in 0..READS_MAX {
                let Input::Bytes(len) = ground.read(lane.place, &mut self.block)? else { break };
                lane.count += len as u64;
                report.received += len as u64;
                moved = true;
            }
        }
        Ok(moved)
    }

    /// Whether the peer says that it has sent more than has come.
    pub(super) fn lacks(&self, theirs: &Results) -> bool {
        !self.sends && self.total() < theirs.bytes()
    }

    /// Takes what has come, when the peer has said that the test is over; how its connections end says nothing.
    pub(super) fn drain(&mut self, ground: &mut dyn Ground, report: &mut Report) -> bool {
        !self.sends && matches!(self.receive(ground, report), Ok(true))
    }

    /// Ends all of them.
    pub(super) fn drop_all(&self, ground: &mut dyn Ground) {
        self.list.iter().for_each(|lane| ground.drop(lane.place));
    }
}
