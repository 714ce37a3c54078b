//! What a connection of our own stack lets itself be asked and told.

use crate::task::Task;
use crate::world::{MTU, World, small};
use core::future::poll_fn;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_host::own::Connection;
use mainstay_net::network::Config;
use mainstay_tcp::Push;
use std::sync::Arc;

/// A connection, and the other end of it.
fn pair(world: &mut World) -> [Connection; 2] {
    let [client, server] = [0, 1].map(|side| world.sides[side].sockets.clone());
    let listener = server.listen(World::server()).unwrap();
    let (mut ours, mut theirs) = (None, None);
    let mut tasks = [
        Task::new(async { ours = Some(client.connect(World::server()).await.unwrap()) }),
        Task::new(async { theirs = Some(listener.accept().await.unwrap()) }),
    ];
    assert!(world.explore(&mut tasks));
    drop(tasks);
    world.settle();
    [ours.unwrap(), theirs.unwrap()]
}

fn run(world: &mut World, future: impl Future<Output = ()>) {
    assert!(world.explore(&mut [Task::new(future)]));
    world.settle();
}

async fn push(connection: &Connection, bytes: &[u8], push: Push) -> usize {
    poll_fn(|context| connection.poll_push(context, bytes, push)).await.unwrap()
}

async fn read(connection: &Connection, len: usize) -> Vec<u8> {
    let mut space = vec![0; len];
    let count = poll_fn(|context| connection.poll_read(context, &mut space)).await.unwrap();
    space.truncate(count);
    space
}

// Covers LAY-083, LAY-084, LAY-090, LAY-091, LAY-211
#[test]
fn segment_size_room_and_addresses_are_those_of_the_connection() {
    let mut world = World::new(1, &small());
    let [ours, theirs] = pair(&mut world);
    assert_eq!(ours.peer_addr(), World::server());
    assert_eq!(theirs.local_addr(), World::server());
    assert_eq!([theirs.peer_addr(), theirs.local_addr()], [ours.local_addr(), ours.peer_addr()]);
    assert_ne!(ours.local_addr().port(), 0);
    assert_eq!(usize::from(ours.facts().unwrap().mss), MTU - 20 - 20);

    assert_eq!(ours.room(), small().send_bytes);
    world.mute = true;
    run(&mut world, async { assert_eq!(push(&ours, &[7; 1000], Push::Now).await, 1000) });
    assert_eq!(ours.room(), small().send_bytes - 1000, "free until it is acknowledged");
    world.mute = false;
    while ours.room() < small().send_bytes {
        assert!(world.pass());
        world.settle();
    }
}

// Covers LAY-085, LAY-174, LAY-211
#[test]
fn what_is_not_read_keeps_the_window_closed_and_reading_opens_it() {
    let mut world = World::new(2, &small());
    let [ours, theirs] = pair(&mut world);
    while ours.room() > 0 {
        let room = ours.room();
        run(&mut world, async { assert_eq!(push(&ours, &vec![1; room], Push::Now).await, room) });
        world.pass();
        world.settle();
    }
    assert_eq!(theirs.facts().unwrap().unread, small().receive_bytes);
    run(&mut world, async { assert_eq!(read(&theirs, 4000).await.len(), 4000) });
    // What came to wait goes on without anybody's timer.
    assert!(theirs.facts().unwrap().unread > small().receive_bytes - 4000);
}

// Covers LAY-086, LAY-087, LAY-211
#[test]
fn more_to_come_and_small_segments_wait_only_as_long_as_told() {
    let mut world = World::new(3, &Config::default());
    let [ours, theirs] = pair(&mut world);
    let arrived = |theirs: &Connection| theirs.facts().unwrap().unread;
    run(&mut world, async { assert_eq!(push(&ours, b"a", Push::More).await, 1) });
    assert_eq!(arrived(&theirs), 0, "more follows soon, it was said");
    run(&mut world, async { assert_eq!(push(&ours, b"b", Push::Now).await, 1) });
    assert_eq!(arrived(&theirs), 2);

    // Nagle's rule holds the second small one back while the first is not acknowledged, here because it was lost.
    world.pass();
    world.settle();
    world.mute = true;
    run(&mut world, async { assert_eq!(push(&ours, b"c", Push::Now).await, 1) });
    run(&mut world, async { assert_eq!(push(&ours, b"d", Push::Now).await, 1) });
    let waits = |ours: &Connection| ours.facts().unwrap().backlog;
    let held = waits(&ours);
    ours.set_nodelay(true);
    world.settle();
    assert_eq!((held, waits(&ours)), (1, 0));
}

// Covers LAY-088, LAY-211
#[test]
fn keepalive_finds_a_silent_peer_gone() {
    let mut config = small();
    let mut settings = *config.settings;
    settings.keepalive = Some(mainstay_tcp::Keepalive { idle: 1000, interval: 500, count: 2 });
    config.settings = Arc::new(settings);
    let mut world = World::new(4, &config);
    let [ours, _theirs] = pair(&mut world);
    world.mute = true;
    let start: Instant = world.clock.now();
    run(&mut world, async {
        let mut space = [0; 1];
        let read = poll_fn(|context| ours.poll_read(context, &mut space)).await;
        assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    });
    assert_eq!(world.clock.now().since(start), Duration::from_secs(1000 + 2 * 500));
}
