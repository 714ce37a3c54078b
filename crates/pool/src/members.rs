//! Who rides on a connection: mostly one, seldom many.

use crate::channel::ChannelId;

/// Channels in the order they came. One needs no heap: most connections carry no more.
#[derive(Debug)]
pub(crate) struct Members {
    first: Option<ChannelId>,
    #[expect(clippy::box_collection, reason = "rare; an idle connection is small")]
    others: Option<Box<Vec<ChannelId>>>,
}

impl Members {
    pub(crate) const fn new() -> Self {
        Self { first: None, others: None }
    }

    pub(crate) fn push(&mut self, channel: ChannelId) {
        match self.first {
            None => self.first = Some(channel),
            Some(_) => self.others.get_or_insert_default().push(channel),
        }
    }

    pub(crate) fn remove(&mut self, channel: ChannelId) {
        if let Some(others) = &mut self.others {
            others.retain(|&other| other != channel);
        }
        if self.first == Some(channel) {
            let next = self.others.as_mut().filter(|others| !others.is_empty());
            self.first = next.map(|others| others.remove(0));
        }
        self.others.take_if(|others| others.is_empty());
    }

    pub(crate) const fn first(&self) -> Option<ChannelId> {
        self.first
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ChannelId> + '_ {
        self.first.into_iter().chain(self.others.iter().flat_map(|others| others.iter().copied()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_coming_and_the_first_may_leave() {
        let mut members = Members::new();
        for number in [3, 1, 2] {
            members.push(ChannelId(number));
        }
        members.remove(ChannelId(3));
        members.push(ChannelId(5));
        assert!(members.iter().eq([1, 2, 5].map(ChannelId)));
        for number in [2, 5, 9] {
            members.remove(ChannelId(number));
        }
        assert_eq!(members.first(), Some(ChannelId(1)));
        members.remove(ChannelId(1));
        assert!(members.is_empty() && members.iter().next().is_none());
        assert!(size_of::<Members>() <= 16);
    }
}
