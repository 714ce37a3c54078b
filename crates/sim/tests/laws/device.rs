//! The node, and with it the pool and its streams, as one machine: the habits of its driver do not
//! show in what streams hear.

use core::time::Duration;
use mainstay_node::{Config, Node};
use mainstay_policy::{Policy, State};
use mainstay_sim::peer::{Echo, SharedLog, Ws, WsRules};
use mainstay_sim::story::{Book, Expect, Role};
use mainstay_sim::{Place, Server, World};
use std::rc::Rc;

/// What the streams heard, in order, when the device reads and writes so much at once.
fn heard(
    read_max: usize,
    write_max: usize,
    restless: bool,
) -> (Vec<Vec<State>>, Vec<[usize; 4]>, u32) {
    let policy = r#"{"retry":[{"r":{"backoff":[1000],"conceal":9,"svalidping":3,"svalidhup":6}}],"s":[
        {"ws":{"endpoint":"192.0.2.1","port":80,"protocol":"ws","http_url":"","retry":"r"}},
        {"raw":{"endpoint":"192.0.2.1","port":7,"protocol":"raw","retry":"r"}}]}"#;
    let mut world = World::new(1);
    let mut node = Node::new([1; 32], Config::default());
    node.set_policy(Policy::parse(policy, "test").unwrap().policy).unwrap();
    let mut book = Book::new(world.clock());
    for kind in ["ws", "raw"] {
        let (messages, size, expect) = (8, 2000, Expect::Echo);
        book.set_role(kind, Role { messages, size, expect, ..Role::default() });
    }
    world.add(node, book);
    world.set_habits(0, read_max, write_max, restless);
    let log = SharedLog::default();
    let ws_log = Rc::clone(&log);
    world.listen(
        Place::Tcp("192.0.2.1:80".parse().unwrap()),
        Server::new(move |_| Box::new(Ws::new(WsRules::default(), Rc::clone(&ws_log)))),
    );
    let raw = Place::Tcp("192.0.2.1:7".parse().unwrap());
    world.listen(raw.clone(), Server::new(move |_| Box::new(Echo::new(Rc::clone(&log)))));
    world.after(Duration::from_secs(5), move |world| world.restart(&raw, Duration::ZERO));
    for kind in ["ws", "raw"] {
        let now = world.now();
        world.node(0).create(now, kind).unwrap();
    }
    world.run(Duration::from_secs(30));
    let now = world.now();
    for id in world.seen(0).streams() {
        world.node(0).destroy(now, id);
    }
    world.run(Duration::from_secs(60));
    assert_eq!(world.faults(), [] as [String; 0]);
    assert_eq!(world.application(0).faults, [] as [String; 0]);
    // L7: an empty node waits for nothing.
    assert_eq!(world.seen(0).poll_timeout(), None);
    assert_eq!(world.seen(0).connection_count(), 0);
    let stories = &world.application(0).stories;
    let paths = stories.values().map(mainstay_sim::story::Story::path).collect();
    let outcomes = stories.values().map(|story| story.ledger.counts()).collect();
    let messages = stories.values().map(|story| story.messages).sum();
    (paths, outcomes, messages)
}

#[test]
fn a_node_keeps_the_laws_whatever_the_habits_of_its_driver() {
    let plain = heard(64 * 1024, 64 * 1024, false);
    assert_eq!(plain.2, 8);
    // L4: asked too often. L9: read in pieces. L6: written in pieces.
    assert_eq!(heard(64 * 1024, 64 * 1024, true), plain);
    assert_eq!(heard(1, 64 * 1024, false), plain);
    assert_eq!(heard(13, 64 * 1024, true), plain);
    assert_eq!(heard(64 * 1024, 600, false), plain);
    // L1.
    assert_eq!(heard(64 * 1024, 64 * 1024, false), plain);
}
