//! Tasks that are polled only when they were woken, two engines, and a wire between them.

use crate::task::Task;
use crate::world::{World, once, text, until};
use core::cell::{Cell, RefCell};
use embedded_io_async::{Read as _, Write as _};
use mainstay_tcp::{Disconnected, State, TcpError};
use mainstay_tcp_io::Error;

// Covers TCP-059, TCP-096
#[test]
fn what_one_task_writes_another_reads_and_both_sleep_in_between() {
    let world = World::new();
    let (sent, received) = (text(100_000), RefCell::new(Vec::new()));
    let server = async {
        let mut connection = world.b.connection();
        connection.accept(world.listener()).await.unwrap();
        let mut piece = [0; 700];
        while let count @ 1.. = connection.read(&mut piece).await.unwrap() {
            received.borrow_mut().extend_from_slice(&piece[..count]);
        }
        connection.finish().unwrap();
    };
    let client = async {
        let mut connection = world.a.connection();
        connection.connect(world.b.address(), &mut world.a.paths()).await.unwrap();
        connection.write_all(&sent).await.unwrap();
        connection.flush().await.unwrap();
        assert_eq!(received.borrow().len(), sent.len(), "it is flushed when the peer has it");
        connection.finish().unwrap();
        assert_eq!(connection.read(&mut [0; 9]).await.unwrap(), 0);
    };
    assert!(world.run(&mut [Task::new(server), Task::new(client)]));
    assert_eq!(*received.borrow(), sent);
}

// Covers TCP-096
#[test]
fn futures_that_are_dropped_have_taken_nothing() {
    let world = World::new();
    let (sent, received) = (text(20_000), RefCell::new(Vec::new()));
    let server = async {
        let mut connection = world.b.connection();
        for _ in 0..3 {
            assert!(once(connection.accept(world.listener())).await.is_none());
        }
        connection.accept(world.listener()).await.unwrap();
        let mut piece = [0; 64];
        loop {
            // A read that is given up, and then another that is not.
            let early = once(connection.read(&mut piece)).await;
            let count = match early {
                Some(count) => count.unwrap(),
                None => connection.read(&mut piece).await.unwrap(),
            };
            if count == 0 {
                break;
            }
            received.borrow_mut().extend_from_slice(&piece[..count]);
        }
    };
    let client = async {
        let mut connection = world.a.connection();
        let mut paths = world.a.paths();
        let peer = world.b.address();
        assert!(once(connection.connect(peer, &mut paths)).await.is_none());
        connection.established().await.unwrap();
        let mut rest = &sent[..];
        while !rest.is_empty() {
            let early = once(connection.write(rest)).await;
            let count = match early {
                Some(count) => count.unwrap(),
                None => connection.write(rest).await.unwrap(),
            };
            rest = &rest[count..];
        }
        connection.finish().unwrap();
    };
    assert!(world.run(&mut [Task::new(server), Task::new(client)]));
    assert_eq!(*received.borrow(), sent);
}

// Covers TCP-096
#[test]
fn one_copy_reads_while_another_writes() {
    let world = World::new();
    let echoed = Cell::new(0);
    let server = async {
        let connection = world.b.connection();
        connection.accept(world.listener()).await.unwrap();
        loop {
            // Lent, and done with as far as there is room to send it back.
            let (done, over) = connection
                .read_with(|[first, _]| {
                    let count = first.len().min(100);
                    (0, (first[..count].to_vec(), first.is_empty()))
                })
                .await
                .unwrap();
            if over {
                break;
            }
            let mut writer = connection;
            let count = writer.write(&done).await.unwrap();
            connection.read_with(|_| (count, ())).await.unwrap();
        }
        connection.finish().unwrap();
    };
    let ready = Cell::new(false);
    let writer = async {
        let mut connection = world.a.connection();
        connection.connect(world.b.address(), &mut world.a.paths()).await.unwrap();
        ready.set(true);
        connection.write_all(&text(9000)).await.unwrap();
        connection.finish().unwrap();
    };
    let reader = async {
        let mut connection = world.a.connection();
        until(|| ready.get()).await;
        let mut piece = [0; 300];
        while let count @ 1.. = connection.read(&mut piece).await.unwrap() {
            echoed.set(echoed.get() + count);
        }
    };
    assert!(world.run(&mut [Task::new(server), Task::new(writer), Task::new(reader)]));
    assert_eq!(echoed.get(), 9000);
}

#[test]
fn who_waits_is_told_when_the_connection_is_lost() {
    let world = World::new();
    let accepted = Cell::new(false);
    let server = async {
        let mut connection = world.b.connection();
        connection.accept(world.listener()).await.unwrap();
        accepted.set(true);
        let error = connection.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(error, Error::Disconnected(Disconnected::Reset));
        assert_eq!(connection.write(b"x").await.unwrap_err(), error);
        assert_eq!(connection.flush().await.unwrap_err(), error);
    };
    let client = async {
        let connection = world.a.connection();
        connection.connect(world.b.address(), &mut world.a.paths()).await.unwrap();
        until(|| accepted.get()).await;
        connection.abort();
        assert_eq!(connection.state(), State::Closed);
    };
    assert!(world.run(&mut [Task::new(server), Task::new(client)]));
}

#[test]
fn nobody_to_connect_to_and_nothing_to_read_are_errors() {
    let world = World::new();
    let client = async {
        let mut connection = world.a.connection();
        let early = connection.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(early, Error::Call(TcpError::NotOpen));
        world.b.stop();
        let refused = connection.connect(world.b.address(), &mut world.a.paths()).await;
        assert_eq!(refused, Err(Error::Disconnected(Disconnected::Refused)));
    };
    assert!(world.run(&mut [Task::new(client)]));
}
