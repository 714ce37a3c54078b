//! What the MQTT peer knows: who subscribed to what, and what is retained.

use std::collections::BTreeMap;
use tokio::sync::mpsc;

/// A message on its way to subscribers.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// 0 or 1.
    pub(crate) qos: u8,
    pub(crate) retained: bool,
}

/// All clients that are connected. Sessions do not outlive connections.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    members: BTreeMap<u64, Member>,
    retained: BTreeMap<String, Delivery>,
    joined: u64,
}

#[derive(Debug)]
struct Member {
    filters: Vec<(String, u8)>,
    outbox: mpsc::Sender<Delivery>,
}

impl Broker {
    /// A client came; its number.
    pub(crate) fn join(&mut self, outbox: mpsc::Sender<Delivery>) -> u64 {
        self.joined += 1;
        self.members.insert(self.joined, Member { filters: Vec::new(), outbox });
        self.joined
    }

    pub(crate) fn part(&mut self, member: u64) {
        self.members.remove(&member);
    }

    /// Subscribes, and hands over what is retained; the QoS granted.
    pub(crate) fn subscribe(&mut self, member: u64, filter: &str, qos: u8) -> u8 {
        let granted = qos.min(1);
        let Some(member) = self.members.get_mut(&member) else { return granted };
        member.filters.retain(|(known, _)| known != filter);
        member.filters.push((filter.to_owned(), granted));
        for message in self.retained.values().filter(|m| matches(filter, &m.topic)) {
            let qos = message.qos.min(granted);
            // A full outbox is a client that does not read: it misses the message.
            let _missed =
                member.outbox.try_send(Delivery { qos, retained: true, ..message.clone() });
        }
        granted
    }

    pub(crate) fn unsubscribe(&mut self, member: u64, filter: &str) {
        if let Some(member) = self.members.get_mut(&member) {
            member.filters.retain(|(known, _)| known != filter);
        }
    }

    /// Hands a message to everyone who subscribed, once each.
    pub(crate) fn publish(&mut self, message: &Delivery) {
        if message.retained && message.payload.is_empty() {
            self.retained.remove(&message.topic);
        } else if message.retained {
            self.retained.insert(message.topic.clone(), message.clone());
        }
        for member in self.members.values() {
            let wanted =
                member.filters.iter().filter(|(filter, _)| matches(filter, &message.topic));
            if let Some(granted) = wanted.map(|(_, qos)| *qos).max() {
                let qos = message.qos.min(granted);
                let delivery = Delivery { qos, retained: false, ..message.clone() };
                let _missed = member.outbox.try_send(delivery);
            }
        }
    }
}

/// Whether a topic lies under a filter. MQTT 3.1.1 section 4.7
fn matches(filter: &str, topic: &str) -> bool {
    let mut names = topic.split('/');
    for level in filter.split('/') {
        match (level, names.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_by_level() {
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/+", "a/b", true),
            ("a/#", "a", true),
            ("#", "a/b/c", true),
            ("a/+", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("+", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn a_member_gets_what_is_retained_once_and_nothing_after_it_parted() {
        let mut broker = Broker::default();
        let message = Delivery { topic: "a/b".into(), payload: vec![1], qos: 1, retained: true };
        broker.publish(&message);
        let (outbox, mut inbox) = mpsc::channel(4);
        let member = broker.join(outbox);
        assert_eq!(broker.subscribe(member, "a/#", 2), 1);
        broker.subscribe(member, "+/b", 0);
        let first = inbox.try_recv().unwrap();
        assert!(first.retained && first.qos == 1);
        assert_eq!(inbox.try_recv().unwrap().qos, 0, "the second filter's own copy");
        broker.publish(&message);
        assert!(!inbox.try_recv().unwrap().retained);
        assert!(inbox.try_recv().is_err(), "one copy for two filters");
        broker.part(member);
        broker.publish(&message);
        assert!(inbox.try_recv().is_err());
    }
}
