//! Whatever the order of events, who can go on is woken.

use crate::task::Task;
use crate::world::{World, small};
use core::cell::{Cell, RefCell};
use core::future::{Future as _, poll_fn};
use core::task::Poll;
use mainstay_host::own::Connection;
use std::io;
use std::rc::Rc;

const LEN: usize = 30_000;

/// Bytes that are not easily mistaken for others.
fn text(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((n * n + 7 * n) % 251).unwrap()).collect()
}

async fn write_all(connection: &Connection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let count = poll_fn(|context| connection.poll_write(context, bytes)).await.unwrap();
        assert!(count > 0, "LAY-175");
        bytes = &bytes[count..];
    }
}

async fn read_to_end(connection: &Connection, piece: usize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut space = vec![0; piece];
    loop {
        match poll_fn(|context| connection.poll_read(context, &mut space)).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&space[..count]),
        }
    }
}

/// Where one task leaves a connection for another.
#[derive(Default)]
struct Shelf(RefCell<Option<Rc<Connection>>>, Cell<Option<core::task::Waker>>);

// RefCell and Cell: everything is on one thread.
impl Shelf {
    fn put(&self, connection: Connection) -> Rc<Connection> {
        let connection = Rc::new(connection);
        *self.0.borrow_mut() = Some(Rc::clone(&connection));
        if let Some(waker) = self.1.take() {
            waker.wake();
        }
        connection
    }

    async fn take(&self) -> Rc<Connection> {
        poll_fn(|context| match self.0.borrow_mut().take() {
            Some(connection) => Poll::Ready(connection),
            None => {
                self.1.set(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}

// Covers LAY-188, LAY-175
#[test]
fn in_every_order_of_events_all_tasks_come_to_their_end() {
    for seed in 0..200 {
        let mut world = World::new(seed, &small());
        world.loss = if seed % 2 == 0 { 0 } else { 50 };
        let piece = 1 + usize::try_from(world.rng.below(3000)).unwrap();
        let (sent, at_client, at_server) = (text(LEN), Shelf::default(), Shelf::default());
        let [client, server] = [0, 1].map(|side| world.sides[side].sockets.clone());
        let listener = server.listen(World::server()).unwrap();
        let writes = async |connection: Rc<Connection>| {
            write_all(&connection, &sent).await;
            connection.acked().await.unwrap();
            connection.finish().unwrap();
        };
        let reads = async |shelf: &Shelf| {
            let connection = shelf.take().await;
            assert_eq!(read_to_end(&connection, piece).await, sent);
        };
        let mut tasks = [
            Task::new(async {
                writes(at_client.put(client.connect(World::server()).await.unwrap())).await;
            }),
            Task::new(async { writes(at_server.put(listener.accept().await.unwrap())).await }),
            Task::new(reads(&at_client)),
            Task::new(reads(&at_server)),
        ];
        assert!(world.explore(&mut tasks), "seed {seed}: somebody sleeps for ever");
    }
}

// Covers LAY-188, LAY-178
#[test]
fn who_waits_is_woken_by_a_reset_in_every_order_of_events() {
    for seed in 0..200 {
        let mut world = World::new(seed, &small());
        let [client, server] = [0, 1].map(|side| world.sides[side].sockets.clone());
        let listener = server.listen(World::server()).unwrap();
        let (shelf, sent) = (Shelf::default(), text(LEN));
        let mut tasks = [
            Task::new(async {
                let connection = shelf.put(client.connect(World::server()).await.unwrap());
                // Nobody reads, so that this waits until the end.
                let mut rest = &sent[..];
                let error = loop {
                    match poll_fn(|context| connection.poll_write(context, rest)).await {
                        Ok(count) => rest = &rest[count..],
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                let error = connection.acked().await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }),
            Task::new(async {
                let connection = shelf.take().await;
                let mut space = [0; 9];
                let read = poll_fn(|context| connection.poll_read(context, &mut space)).await;
                assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            }),
            Task::new(async {
                let connection = listener.accept().await.unwrap();
                let mut space = [0; 100];
                let _some = poll_fn(|context| connection.poll_read(context, &mut space)).await;
                connection.abort();
            }),
        ];
        assert!(world.explore(&mut tasks), "seed {seed}: somebody sleeps for ever");
    }
}

// Covers LAY-188
#[test]
fn futures_that_are_dropped_leave_nothing_behind() {
    let mut world = World::new(1, &small());
    let [client, server] = [0, 1].map(|side| world.sides[side].sockets.clone());
    let nobody = "192.0.2.77:9".parse().unwrap();
    // More than there is room for at once.
    for _ in 0..20 {
        let mut connect = Box::pin(client.connect(nobody));
        let mut tasks = [Task::new(async {
            let once = poll_fn(|context| Poll::Ready(connect.as_mut().poll(context).is_pending()));
            assert!(once.await);
        })];
        assert!(world.explore(&mut tasks));
    }
    // An accept that is given up loses nobody.
    let listener = server.listen(World::server()).unwrap();
    let mut tasks = [
        Task::new(async {
            for _ in 0..3 {
                let mut accept = Box::pin(listener.accept());
                poll_fn(|context| Poll::Ready(accept.as_mut().poll(context).is_pending())).await;
            }
            let connection = listener.accept().await.unwrap();
            assert_eq!(read_to_end(&connection, 10).await, b"hello");
        }),
        Task::new(async {
            let connection = client.connect(World::server()).await.unwrap();
            write_all(&connection, b"hello").await;
            // Dropped: an end in order, behind what was written.
        }),
    ];
    assert!(world.explore(&mut tasks));
    drop(tasks);
    world.settle();
    while client.leaving_count() + server.leaving_count() > 0 {
        assert!(world.pass());
        world.settle();
    }
}
