//! What is kept of handshakes and of ended connections against naive models; cookies against guesses.

use core::net::SocketAddr;
use core::time::Duration;
use mainstay_base::{Instant, Rng};
use mainstay_tcp::syn_cookie::{Stamped, SynCookies};
use mainstay_tcp::syn_queue::{Queued, Stage, Syn, SynEntry, SynQueue};
use mainstay_tcp::time_wait::{Answer, Ended, Reuse, TimeWaitRecord, TimeWaitTable};
use mainstay_tcp::{Seq, SipHash, Tuple};
use mainstay_wire::tcp::{Flags, Header, Options};
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<core::net::IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
}

prop_compose! {
    fn syn()(
        peer in address(), numbers: (u16, u16, u16, u32, u32), scale in prop::option::of(0..=14_u8),
        timestamp: Option<u32>, sack: bool, ecn: bool,
    ) -> Syn {
        let (listener, local, mss, irs, iss) = numbers;
        Syn { peer, listener, local, irs: Seq(irs), iss: Seq(iss), mss, window_scale: scale, timestamp, sack, ecn }
    }
}

fn tuple() -> impl Strategy<Value = Tuple> {
    (address(), address()).prop_map(|(local, peer)| Tuple::new(local, peer))
}

proptest! {
    // Covers TCP-530
    #[test]
    fn what_was_kept_of_a_syn_is_what_it_was(seed: u64, count in 1..40_usize, syns in prop::collection::vec((any::<u64>(), syn()), 1..60)) {
        let mut rng = Rng::from_run(seed);
        let mut queue = SynQueue::new(vec![SynEntry::default(); count]);
        let mut model: BTreeMap<(SocketAddr, u16, u16), (u64, Syn)> = BTreeMap::new();
        for (hash, syn) in syns {
            let key = (syn.peer, syn.listener, syn.local);
            if model.contains_key(&key) {
                continue;
            }
            match queue.insert(Instant::ZERO, hash, &syn, Stage::Answered, &mut rng) {
                Queued::Placed(_) => {}
                Queued::InsteadOf(_, old) => {
                    prop_assert!(model.len() >= count.min(16), "there was room");
                    let (_, known) = model.remove(&(old.peer, old.listener, old.local)).unwrap();
                    prop_assert_eq!(known, old);
                }
                Queued::Full | _ => prop_assert!(false, "nothing is completed"),
            }
            model.insert(key, (hash, syn));
            prop_assert_eq!(queue.count(), model.len());
            for (hash, syn) in model.values() {
                let place = queue.find(*hash, &syn.peer, syn.listener, syn.local).unwrap();
                prop_assert_eq!(queue.get(place), Some((*syn, Stage::Answered)));
            }
        }
    }

    // Covers TCP-530, TCP-531
    #[test]
    fn a_cookie_brings_back_what_the_syn_announced(
        seed: u64, tuple in tuple(), irs: u32, mss: u16, clock: u32, start in 0..1_u64 << 40,
        scale in prop::option::of(0..=14_u8), sack: bool, ecn: bool, wait in 0..60_000_000_u64,
    ) {
        let mut rng = Rng::from_run(seed);
        let now = Instant::from_micros(start);
        let mut cookies = SynCookies::new(now, Duration::from_secs(300), &mut rng);
        let iss = cookies.make::<SipHash>(now, &tuple, Seq(irs), mss, &mut rng);
        let stamped = Stamped { window_scale: scale, sack, ecn };
        let echo = stamped.write(clock);
        prop_assert!(clock.wrapping_sub(echo) < 64);
        let later = Instant::from_micros(start + wait);
        let numbers = (Seq(irs) + 1, iss + 1);
        let check = |at, tuple: &Tuple, numbers, echo| cookies.check::<SipHash>(at, tuple, numbers, echo);
        let remembered = check(later, &tuple, numbers, Some(echo)).unwrap();
        prop_assert_eq!((remembered.irs, remembered.iss, remembered.stamped), (Seq(irs), iss, stamped));
        prop_assert!(remembered.mss <= mss.max(48));
        prop_assert!(mss < 460 || mss - remembered.mss < 700 || remembered.mss == 1460);
        prop_assert_eq!(check(later, &tuple, numbers, None).unwrap().stamped, Stamped::default());
        let end = Instant::from_micros(start + 120_000_000);
        prop_assert_eq!(check(end, &tuple, numbers, None), None);
        prop_assert_eq!(check(later, &tuple, (numbers.0 + 1, numbers.1), None), None);
        for bit in 0..32 {
            let other = Seq((iss.0 ^ 1 << bit).wrapping_add(1));
            prop_assert_eq!(check(later, &tuple, (numbers.0, other), None), None, "bit {}", bit);
        }
        let mut peer = tuple.peer();
        peer.set_port(peer.port() ^ 1);
        let stranger = Tuple::new(tuple.local(), peer);
        prop_assert_eq!(check(later, &stranger, numbers, None), None);
    }

    // Covers TCP-183, TCP-184
    #[test]
    fn records_are_those_of_a_queue_of_the_newest(seed: u64, count in 0..12_usize, steps in 1..300_usize) {
        let mut rng = Rng::from_run(seed);
        let mut table = TimeWaitTable::new(vec![TimeWaitRecord::default(); count], Duration::from_secs(60), false);
        let mut model = Model { count, ..Model::default() };
        for _ in 0..steps {
            model.step(&mut table, &mut rng)?;
        }
    }
}

/// The places in use, oldest first: hash, when it ends, whether it began again; `None` for one that ended early.
#[derive(Default)]
struct Model {
    count: usize,
    queue: VecDeque<Option<(u64, u64, bool)>>,
    now: u64,
    evicted: u64,
}

impl Model {
    fn step(
        &mut self,
        table: &mut TimeWaitTable<Vec<TimeWaitRecord>>,
        rng: &mut Rng,
    ) -> Result<(), TestCaseError> {
        self.now += rng.below(8000);
        let now = Instant::from_millis(self.now);
        self.expire();
        let hash = rng.below(16) << 60;
        let place =
            self.queue.iter().position(|place| place.is_some_and(|(other, ..)| other == hash));
        match rng.below(5) {
            0 | 1 => {
                let ended = Ended {
                    hash,
                    address_hash: 0,
                    port: 1,
                    rcv_nxt: Seq(10),
                    snd_nxt: Seq(20),
                    ts_recent: None,
                };
                table.insert(now, &ended);
                self.insert(place, hash);
            }
            2 => {
                let answer = table.answer(now, hash, &header(Flags::FIN | Flags::ACK, 9), 0);
                prop_assert_eq!(matches!(answer, Some(Answer::Restart(_))), place.is_some());
                prop_assert_eq!(answer.is_some(), place.is_some());
                if let Some(place) = place {
                    self.queue[place] = Some((hash, self.now + 60_000, true));
                }
            }
            3 => {
                let answer = table.answer(now, hash, &header(Flags::SYN, 11), 0);
                prop_assert_eq!(answer, place.map(|_| Answer::Recycle { above: Seq(20) }));
                if let Some(place) = place {
                    self.queue[place] = None;
                }
            }
            _ => {
                let expected = if place.is_some() { Reuse::Taken } else { Reuse::Free };
                prop_assert_eq!(table.reuse(now, hash), expected);
            }
        }
        prop_assert_eq!(table.evicted(), self.evicted);
        Ok(())
    }

    fn insert(&mut self, place: Option<usize>, hash: u64) {
        if let Some(place) = place {
            self.queue[place] = None;
        }
        if self.queue.len() == self.count {
            self.evicted += 1;
            self.queue.pop_front();
        }
        if self.count > 0 {
            self.queue.push_back(Some((hash, self.now + 60_000, false)));
        }
    }

    fn expire(&mut self) {
        // A record that began again can lie between newer ones; nobody sees it once it is over.
        for place in &mut self.queue {
            *place = place.filter(|(_, until, _)| *until > self.now);
        }
        while let Some(first) = self.queue.front().copied() {
            match first {
                None => self.queue.pop_front(),
                Some((hash, until, true)) => {
                    self.queue.pop_front();
                    self.queue.push_back(Some((hash, until, false)));
                    continue;
                }
                Some(_) => return,
            };
        }
    }
}

fn header(flags: Flags, sequence: u32) -> Header {
    let options = Options::default();
    Header {
        source: 1,
        destination: 2,
        sequence,
        acknowledgment: 20,
        flags,
        window: 0,
        urgent: 0,
        options,
    }
}

// Covers TCP-530
#[test]
fn a_guess_is_not_taken_for_a_cookie() {
    let mut rng = Rng::from_run(1);
    let now = Instant::from_millis(10_000_000);
    let tuple = Tuple::new("10.0.0.1:80".parse().unwrap(), "10.0.0.2:999".parse().unwrap());
    let mut cookies = SynCookies::new(now, Duration::from_secs(300), &mut rng);
    let silent = cookies.clone();
    let good = cookies.make::<SipHash>(now, &tuple, Seq(1), 1460, &mut rng);
    let guesses = (0..200_000).map(|_| (Seq(rng.next_u32()), Seq(rng.next_u32())));
    let taken = guesses
        .filter(|guess| cookies.check::<SipHash>(now, &tuple, *guess, None).is_some())
        .count();
    assert_eq!(taken, 0);
    let right = (Seq(2), good + 1);
    assert!(cookies.check::<SipHash>(now, &tuple, right, None).is_some());
    assert_eq!(silent.check::<SipHash>(now, &tuple, right, None), None); // it gave none
}

// Covers TCP-530
#[test]
fn a_cookie_outlives_one_change_of_the_secret_and_not_two_minutes() {
    let mut rng = Rng::from_run(1);
    let tuple = Tuple::new("10.0.0.1:80".parse().unwrap(), "10.0.0.2:999".parse().unwrap());
    let at = |seconds: u64| Instant::from_millis(seconds * 1000);
    let mut cookies = SynCookies::new(at(0), Duration::from_secs(1), &mut rng);
    let numbers = |iss| (Seq(8), iss + 1);
    let first = cookies.make::<SipHash>(at(119), &tuple, Seq(7), 1460, &mut rng);
    let second = cookies.make::<SipHash>(at(120), &tuple, Seq(7), 1460, &mut rng);
    for (iss, seconds, good) in [
        (first, 120, true),
        (first, 179, true),
        (first, 180, false),
        (second, 180, true),
        (second, 239, true),
    ] {
        let found = cookies.check::<SipHash>(at(seconds), &tuple, numbers(iss), None);
        assert_eq!(found.is_some(), good, "{seconds}");
        assert_eq!(found.map(|found| found.mss), good.then_some(1460));
    }
    assert_eq!(cookies.check::<SipHash>(at(240), &tuple, numbers(second), None), None);
}
