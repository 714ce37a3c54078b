//! One stream's part in a shared MQTT connection.

use crate::channel::{Birth, ChannelId, MqttOpen};
use mainstay_base::{Instant, Reason};

/// A member and how far it has come.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) channel: ChannelId,
    pub(super) filter: Option<Box<str>>,
    pub(super) qos: u8,
    pub(super) birth: Option<Box<Birth>>,
    pub(super) stage: Stage,
    until: Instant,
}

/// How far a member has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// CONNACK has not come.
    Connecting,
    /// SUBACK for this packet has not come.
    Subscribing(u16),
    /// Its birth message is not acknowledged.
    Bearing,
    /// Open.
    Ready,
    /// UNSUBACK for this packet has not come.
    Leaving(u16, Instant),
    /// Off, to be swept.
    Over(Reason),
}

impl Member {
    pub(super) fn new(channel: ChannelId, open: MqttOpen, until: Instant) -> Self {
        let (filter, qos) = match open.subscribe {
            Some((filter, qos)) if !filter.is_empty() => (Some(filter.into_boxed_str()), qos),
            Some(_) | None => (None, 0),
        };
        let birth = open.birth.map(Box::new);
        Self { channel, filter, qos, birth, stage: Stage::Connecting, until }
    }

    /// Whether a message under `topic` is for this member (SS-569).
    pub(super) fn wants(&self, topic: &str) -> bool {
        let hears = matches!(self.stage, Stage::Subscribing(_) | Stage::Bearing | Stage::Ready);
        hears && self.filter.as_deref().is_some_and(|filter| mainstay_mqtt::matches(filter, topic))
    }

    /// The filter, once the broker has it.
    pub(super) fn subscribed(&self) -> Option<&str> {
        match self.stage {
            Stage::Bearing | Stage::Ready => self.filter.as_deref(),
            Stage::Connecting | Stage::Subscribing(_) | Stage::Leaving(..) | Stage::Over(_) => None,
        }
    }

    pub(super) fn same_filter(&self, other: &Self) -> bool {
        self.subscribed().is_some() && self.filter == other.filter
    }

    pub(super) const fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Leaving(..))
    }

    pub(super) fn is_leaving_with(&self, id: u16) -> bool {
        matches!(self.stage, Stage::Leaving(waiting, _) if waiting == id)
    }

    /// Until when the present stage may last.
    pub(super) const fn until(&self) -> Option<Instant> {
        match self.stage {
            Stage::Connecting | Stage::Subscribing(_) | Stage::Bearing => Some(self.until),
            Stage::Leaving(_, until) => Some(until),
            Stage::Ready | Stage::Over(_) => None,
        }
    }
}
