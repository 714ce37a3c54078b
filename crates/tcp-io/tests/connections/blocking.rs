//! Without tasks: one side blocks, and what it calls while it waits moves packets and plays the other side.

use crate::world::{World, text};
use core::cell::RefCell;
use core::task::{Context, Waker};
use embedded_io::{Read as _, ReadReady as _, Write as _, WriteReady as _};
use mainstay_tcp_io::Blocking;

// Covers TCP-059, TCP-092
#[test]
fn reads_and_writes_turn_the_wheel_until_they_have_something() {
    let world = World::new();
    let peer = world.b.connection();
    let offered = core::pin::pin!(peer.accept(world.listener()));
    let mut context = Context::from_waker(Waker::noop());
    assert!(offered.poll(&mut context).is_pending());
    let client = world.a.connection();
    world.a.start(world.b.address());
    // The peer sends back what it gets, a little at a time.
    let pending = RefCell::new(Vec::new());
    let mut blocking = Blocking::new(client, || {
        world.turn();
        let mut piece = [0; 50];
        if let Some(Ok(count)) = peer.try_read(&mut piece) {
            pending.borrow_mut().extend_from_slice(&piece[..count]);
        }
        let pending = &mut *pending.borrow_mut();
        if let Some(Ok(count)) = peer.try_write(pending) {
            pending.drain(..count);
        }
    });
    let sent = text(5000);
    let mut received = vec![0; sent.len()];
    blocking.write_all(&sent).unwrap();
    blocking.read_exact(&mut received).unwrap();
    assert_eq!(received, sent);
    assert!(blocking.write_ready().unwrap() && !blocking.read_ready().unwrap());
    assert!(client.try_read(&mut [0; 1]).is_none(), "it would block");
    blocking.flush().unwrap();
    peer.abort();
    assert!(blocking.read(&mut [0; 1]).is_err());
    assert!(blocking.read_ready().unwrap(), "an error is ready");
}
