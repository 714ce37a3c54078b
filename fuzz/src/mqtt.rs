//! The MQTT client. Once it is connected it has a subscription and a publish of each quality in flight.
//!
//! `a` to `c` publish with quality 0 to 2, `d` begins a longer one, `e` goes on with it, `f` subscribes, `g` unsubscribes,
//! `h` pings, `i` and `j` pause and go on, `k` disconnects. `B` as the first letter: a session that
//! shall be remembered.

use crate::adapter::{TEXT, forward};
use crate::{Lent, Machine};
use mainstay_base::Instant;
use mainstay_mqtt::{Client as Session, Config, Connect, Event, Publish};
use std::collections::BTreeSet;

/// The machine, and what is owed to whom.
#[derive(Debug)]
pub struct Client {
    session: Session,
    tag: u64,
    /// Publishes without an outcome.
    open: BTreeSet<u64>,
    paused: bool,
    receiving: bool,
}

impl Client {
    fn publish(&mut self, now: Instant, qos: u8, len: u32, bytes: &[u8]) {
        self.tag += 1;
        let publish = Publish { topic: "up", qos, retain: false, len, tag: self.tag };
        if self.session.publish(now, &publish).is_ok() {
            self.open.insert(self.tag);
            self.session.send(now, bytes);
        }
    }
}

impl Machine for Client {
    /// Copies (twice 64 KiB at most, in a queue grown to twice that), a packet of 64 KiB, a queue of 16 KiB and what one publish
    /// adds to it, the topic of a message, 1024 received ids.
    const HELD_MAX: usize = 640 * 1024;

    forward!(session);

    fn open(now: Instant, kind: u8) -> Self {
        let connect =
            Connect { client_id: "fuzz", keep_alive_s: 60, clean: kind == 0, ..Connect::default() };
        let session = Session::new(now, &connect, Config::default());
        let Ok(session) = session else { panic!("a plain session is refused") };
        Self { session, tag: 0, open: BTreeSet::new(), paused: false, receiving: false }
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.session.next_payload(unit)?;
        assert_ne!(payload.start, self.receiving, "a message begins in another, or none does");
        self.receiving = !payload.end;
        let mut bytes = payload.bytes.to_vec();
        if payload.end {
            bytes.extend_from_slice(self.session.topic().as_bytes());
        }
        Some(Lent { channel: 0, bytes, end: !self.receiving })
    }
    fn event(&mut self, now: Instant) -> Option<(String, bool)> {
        let event = self.session.poll_event()?;
        let over = match event {
            Event::Published { tag, .. } => {
                assert!(self.open.remove(&tag), "a second outcome, or one nobody waits for");
                false
            }
            Event::Connected { .. } => {
                let _id = self.session.subscribe(now, "down/#", 1);
                (0..3).for_each(|qos| self.publish(now, qos, 5, b"hello"));
                false
            }
            Event::Refused(_) | Event::Closed(_) => {
                assert!(self.open.is_empty(), "over, and {:?} have no outcome", self.open);
                true
            }
            Event::Subscribed { .. } | Event::Unsubscribed { .. } | Event::Pong => false,
        };
        Some((format!("{event:?}"), over))
    }
    fn written(&mut self, now: Instant) {
        self.session.handle_written(now);
    }
    fn act(&mut self, now: Instant, what: u8) {
        match what {
            0..3 => self.publish(now, what, 1000, TEXT),
            3 => self.publish(now, 1, 3000, TEXT),
            4 => {
                let room = self.session.room().down;
                assert!(self.session.send(now, TEXT) <= room, "more was taken than there is room");
            }
            5 => {
                let _id = self.session.subscribe(now, "a/+/b", 2);
            }
            6 => {
                let _id = self.session.unsubscribe(now, "a/+/b");
            }
            7 => self.session.ping(now),
            8 | 9 => {
                self.paused = what == 8;
                self.session.pause(now, self.paused);
            }
            _ => self.session.disconnect(now),
        }
    }
    fn is_deaf(&self) -> bool {
        self.session.room().up == 0
    }
}
