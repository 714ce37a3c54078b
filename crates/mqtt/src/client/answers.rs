//! What packets of the server mean to a session. MQTT 3.1.1 §3.2, §3.4 to §3.7, §3.9, §3.11, §3.13.

use mainstay_base::{Instant, Peer, Reason};

use super::{Asked, Client, Event, State};
use crate::error::Fault;
use crate::inflight::Stage;
use crate::message::{Packet, SUBACK_REFUSED};

impl Client {
    pub(super) fn handle_packet(&mut self, now: Instant, packet: Packet<'_>) -> Result<(), Fault> {
        if let State::Opening { .. } = self.state {
            let Packet::Connack { session_present, code } = packet else {
                return Err(Fault::Malformed);
            };
            return self.handle_connack(now, session_present, code);
        }
        let config = self.config;
        let exchange = &mut self.work(now).exchange;
        match packet {
            Packet::Puback(id) => exchange.acknowledged(now, &config, Stage::Puback, id),
            Packet::Pubrec(id) => exchange.acknowledged(now, &config, Stage::Pubrec, id),
            Packet::Pubcomp(id) => exchange.acknowledged(now, &config, Stage::Pubcomp, id),
            Packet::Pubrel(id) => exchange.released(id),
            Packet::Suback { id, codes: &[code] } => {
                let granted = (code != SUBACK_REFUSED).then_some(code);
                self.answered(now, Asked::Subscribe(id), Event::Subscribed { id, granted });
            }
            Packet::Unsuback(id) => {
                self.answered(now, Asked::Unsubscribe(id), Event::Unsubscribed { id });
            }
            Packet::Pingresp => self.handle_pong(now),
            Packet::Suback { .. }
            | Packet::Connect(_)
            | Packet::Connack { .. }
            | Packet::Subscribe { .. }
            | Packet::Unsubscribe { .. }
            | Packet::Pingreq
            | Packet::Disconnect => return Err(Fault::Malformed),
        }
        Ok(())
    }

    pub(super) fn handle_connack(
        &mut self,
        now: Instant,
        session_present: bool,
        code: u8,
    ) -> Result<(), Fault> {
        // MQTT-3.2.2-1: who begins anew resumes nothing
        if session_present && self.clean {
            return Err(Fault::Malformed);
        }
        if code == 0 {
            self.state = State::Open;
            self.work(now).facts.push_back(Event::Connected { session_present });
            return Ok(());
        }
        self.state = State::Over;
        let work = self.work(now);
        work.exchange.close(Reason::Peer(Peer::Connack(code)));
        work.facts.push_back(Event::Refused(code));
        Ok(())
    }

    pub(super) fn handle_pong(&mut self, now: Instant) {
        if let Some(left) = self.pings.checked_sub(1) {
            self.pings = left;
            self.work(now).facts.push_back(Event::Pong);
        } else {
            self.stray(now);
        }
    }

    pub(super) fn answered(&mut self, now: Instant, asked: Asked, event: Event) {
        let work = self.work(now);
        if let Some(index) = work.asked.iter().position(|&one| one == asked) {
            work.asked.remove(index);
            work.facts.push_back(event);
        } else {
            self.stray(now);
        }
    }

    pub(super) fn stray(&mut self, now: Instant) {
        let counters = &mut self.work(now).exchange.carry.counters;
        counters.strays = counters.strays.saturating_add(1);
    }
}
