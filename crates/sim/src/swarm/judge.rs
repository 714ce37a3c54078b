//! What must hold at the end of a world.

use super::servers::Shared;
use crate::story::{Book, Story, parse};
use crate::world::World;
use mainstay_base::Outcome;
use mainstay_node::StreamId;
use mainstay_policy::{Protocol, State};
use std::collections::BTreeSet;

/// Sums over all streams.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    pub(crate) connected: usize,
    pub(crate) outcomes: [usize; 4],
}

/// Adds up.
pub(crate) fn count(world: &mut World<Book>) -> Judged {
    let mut all = Judged::default();
    for story in world.application(0).stories.values() {
        all.connected += story.count(State::Connected);
        for (sum, count) in all.outcomes.iter_mut().zip(story.ledger.counts()) {
            *sum += count;
        }
    }
    all
}

fn protocol(world: &World<Book>, id: StreamId) -> Option<Protocol> {
    world.seen(0).stream(id).map(|stream| stream.streamtype().protocol)
}

fn is_http(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::H1 | Protocol::H2 | Protocol::H3)
}

/// Whether a stream has something to do, so that connecting it makes sense.
pub(crate) fn wants_more(world: &mut World<Book>, id: StreamId) -> bool {
    let Some(protocol) = protocol(world, id) else { return false };
    let todo = world.application(0).stories.get(&id).map_or(0, |story| story.todo);
    todo > 0 || !is_http(protocol)
}

/// Streams that have not recovered.
pub(crate) fn unwell(world: &mut World<Book>) -> Vec<String> {
    let mut wrong = Vec::new();
    for id in world.seen(0).streams() {
        let Some(protocol) = protocol(world, id) else { continue };
        let stays = world.seen(0).stream(id).is_some_and(|s| !s.streamtype().opportunistic);
        let Some(story) = world.application(0).stories.get(&id) else { continue };
        let up =
            matches!(story.last(), State::Connected | State::QosAckRemote | State::QosNackRemote);
        let settled = story.todo == 0 && story.ledger.open() == 0;
        let healthy = settled && (is_http(protocol) || up || !stays);
        if !healthy {
            wrong.push(describe(id, story));
        }
    }
    wrong
}

fn describe(id: StreamId, story: &Story) -> String {
    let (last, todo, open) = (story.last(), story.todo, story.ledger.open());
    format!("{}/{} did not recover: {last:?}, {todo} to do, {open} open", story.kind, id.index())
}

/// The node's connections, in words.
pub(crate) fn connections(world: &World<Book>) -> String {
    let state = format!("{:?}", world.seen(0));
    let state: String = state.split("connections:").skip(1).collect();
    state.chars().take(3000).collect()
}

/// What is left when all streams were destroyed and time has passed.
pub(crate) fn leftovers(world: &mut World<Book>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (id, story) in &world.application(0).stories {
        if !story.over {
            wrong.push(format!("{}/{} was not told DESTROYING", story.kind, id.index()));
        }
        if story.ledger.open() > 0 {
            wrong.push(format!("{}/{} has open messages", story.kind, id.index()));
        }
    }
    let node = world.seen(0);
    if !node.streams().is_empty() {
        wrong.push(format!("{} streams are left", node.streams().len()));
    }
    if node.connection_count() > 0 {
        let count = node.connection_count();
        wrong.push(format!("{count} connections are left: {}", connections(world)));
    }
    if let Some(at) = node.poll_timeout() {
        wrong.push(format!("an empty node waits for {at:?}"));
    }
    if node.refused_commands() > 0 {
        wrong.push(format!("{} refused commands", node.refused_commands()));
    }
    wrong
}

/// What a device's own network still does or holds when nobody has asked for anything for long.
pub(crate) fn unquiet(world: &World<Book>, before: u64, frames_max: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    let frames = world.frames(0) - before;
    if frames > frames_max {
        wrong.push(format!("{frames} frames leave though nobody has anything to say"));
    }
    for (count, end) in world.own_connections(0).into_iter().zip(["device", "far host"]) {
        if count > 0 {
            wrong.push(format!("the {end} has {count} connections left"));
        }
    }
    wrong
}

/// Nothing is acknowledged that the peer has not.
pub(crate) fn against_logs(world: &mut World<Book>, shared: &Shared) -> Vec<String> {
    let mut has = BTreeSet::new();
    for log in shared.borrow().values() {
        has.extend(log.borrow().messages.iter().filter_map(|message| parse(message)));
    }
    let mut wrong = Vec::new();
    for story in world.application(0).stories.values() {
        for id in story.ledger.with(Outcome::Acknowledged) {
            if !has.contains(&(story.number, id)) {
                wrong.push(format!(
                    "{} {}: {id} acknowledged, peer has it not",
                    story.kind, story.number
                ));
            }
        }
    }
    wrong
}
