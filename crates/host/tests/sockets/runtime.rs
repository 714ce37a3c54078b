//! The traits of tokio and futures, under tokio's current-thread runtime.

use crate::world::{ENDS, PORT};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use mainstay_base::{Instant, Rng};
use mainstay_host::own::{Connection, Sockets};
use mainstay_net::network::{Config, Network};
use mainstay_net::{Capabilities, InterfaceId, InterfaceOptions, Medium, Prefix};
use mainstay_wire::offload::Offload;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional, split};
use tokio::sync::Notify;
use tokio::time::timeout;

fn server() -> SocketAddr {
    SocketAddr::new(ENDS[1].parse().unwrap(), PORT)
}

/// A network whose word that there is something to send ends the wait of whoever drives it.
fn side(seed: u64, address: &str, stirred: &Arc<Notify>) -> (Sockets, InterfaceId) {
    let mut config = Config { receive_bytes: 20_000, send_bytes: 20_000, ..Config::default() };
    (config.stack.probes_v4, config.stack.probes_v6) = (0, 0);
    let mut network = Network::new(config, Rng::from_run(seed));
    let options =
        InterfaceOptions { medium: Medium::Ip, mtu: 1500, offload: Capabilities::default() };
    let prefix = Prefix::new(address.parse().unwrap(), 24).unwrap();
    let interface = network.add_interface(Instant::ZERO, options, &[prefix], &[]).unwrap();
    let start = tokio::time::Instant::now();
    let clock = move || Instant::ZERO + start.elapsed();
    let stirred = Arc::clone(stirred);
    (Sockets::new(network, clock, move || stirred.notify_one()), interface)
}

/// Moves frames between two networks, for ever.
async fn drive(sides: [(Sockets, InterfaceId); 2], stirred: Arc<Notify>) {
    let mut buffer = vec![0; Network::MAX_TRANSMIT];
    loop {
        let mut next = None;
        let mut moved = true;
        while moved {
            moved = false;
            for (from, to) in [(0, 1), (1, 0)] {
                while let Some(out) = sides[from].0.drive(|network, now| {
                    network.handle_timeout(now);
                    network.poll_transmit(now, &mut buffer)
                }) {
                    moved = true;
                    let interface = sides[to].1;
                    sides[to].0.drive(|network, now| {
                        let frame = &buffer[..out.len];
                        let _counted =
                            network.handle_input(now, interface, frame, Offload::default());
                    });
                }
            }
        }
        for (sockets, _) in &sides {
            let wait = sockets.drive(|network, now| network.poll_timeout().map(|at| at.since(now)));
            next = next.into_iter().chain(wait).min();
        }
        let wait = next.unwrap_or(core::time::Duration::from_secs(60));
        let _late = timeout(wait, stirred.notified()).await;
    }
}

/// Two connected networks under tokio, for as long as `act` takes.
fn under_tokio(act: impl AsyncFnOnce([Sockets; 2])) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let stirred = Arc::new(Notify::new());
        let sides = [side(1, ENDS[0], &stirred), side(2, ENDS[1], &stirred)];
        let sockets = [sides[0].0.clone(), sides[1].0.clone()];
        tokio::select! {
            done = timeout(core::time::Duration::from_secs(20), act(sockets)) => done.unwrap(),
            () = drive(sides, stirred) => {}
        }
    });
}

async fn pair(sockets: &[Sockets; 2]) -> [Connection; 2] {
    let listener = sockets[1].listen(server()).unwrap();
    let (ours, theirs) = tokio::join!(sockets[0].connect(server()), listener.accept());
    [ours.unwrap(), theirs.unwrap()]
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((n * n + 7 * n) % 251).unwrap()).collect()
}

// Covers LAY-177, LAY-179
#[test]
fn tokio_copies_both_ways_and_half_a_connection_goes_on() {
    under_tokio(async |sockets| {
        let [ours, mut theirs] = pair(&sockets).await;
        let bytes = text(300_000);
        let echo = async {
            // Until our end, and then ours.
            let (mut memory, mut far) = tokio::io::duplex(10_000);
            let turn = async {
                let (mut reader, mut writer) = split(&mut far);
                tokio::io::copy(&mut reader, &mut writer).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let (copied, ()) = tokio::join!(copy_bidirectional(&mut theirs, &mut memory), turn);
            assert_eq!(copied.unwrap(), (300_000, 300_000));
            // A second time it is fine, too.
            theirs.shutdown().await.unwrap();
        };
        let talk = async {
            let (mut reader, mut writer) = (&ours, &ours);
            let write = async {
                writer.write_all(&bytes).await.unwrap();
                writer.flush().await.unwrap();
                writer.shutdown().await.unwrap();
                writer.shutdown().await.unwrap();
                let late = writer.write(b"late").await.unwrap_err();
                assert_eq!(late.kind(), io::ErrorKind::BrokenPipe);
            };
            let mut back = Vec::new();
            let (read, ()) = tokio::join!(reader.read_to_end(&mut back), write);
            assert_eq!(read.unwrap(), bytes.len(), "reading goes on after our end");
            assert!(back == bytes);
            assert_eq!((&ours).read(&mut [0; 9]).await.unwrap(), 0);
            assert_eq!((&ours).read(&mut [0; 9]).await.unwrap(), 0, "and again");
        };
        tokio::join!(echo, talk);
    });
}

// Covers LAY-178
#[test]
fn the_peer_of_an_abort_sees_a_reset_whatever_was_queued() {
    under_tokio(async |sockets| {
        let [mut ours, mut theirs] = pair(&sockets).await;
        ours.write_all(&text(15_000)).await.unwrap();
        ours.abort();
        let mut all = Vec::new();
        let error = theirs.read_to_end(&mut all).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(all.len() < 15_000);
        let error = theirs.write_all(b"anything").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(sockets[0].leaving_count(), 0);
    });
}

// Covers LAY-015
#[test]
fn who_drops_a_connection_with_bytes_unread_resets_it_and_else_ends_it() {
    under_tokio(async |sockets| {
        for unread in [false, true] {
            let [mut ours, mut theirs] = pair(&sockets).await;
            ours.write_all(b"question").await.unwrap();
            theirs.write_all(&text(9000)).await.unwrap();
            ours.acked().await.unwrap();
            if !unread {
                theirs.read_exact(&mut [0; 8]).await.unwrap();
            }
            drop(theirs);
            let mut all = Vec::new();
            let read = ours.read_to_end(&mut all).await;
            if unread {
                assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
            } else {
                assert_eq!(read.unwrap(), 9000, "what was written goes on in the background");
            }
        }
    });
}

// Covers LAY-177
#[test]
fn the_traits_of_futures_do_the_same() {
    use futures_io::{AsyncRead, AsyncWrite};
    under_tokio(async |sockets| {
        let [ours, theirs] = pair(&sockets).await;
        let mut quiet = Context::from_waker(Waker::noop());
        let (mut writer, mut reader) = (&ours, &theirs);
        let mut space = [0; 16];
        assert!(Pin::new(&mut reader).poll_read(&mut quiet, &mut space).is_pending());
        let written = Pin::new(&mut writer).poll_write(&mut quiet, b"hello");
        assert!(matches!(written, Poll::Ready(Ok(5))));
        assert!(matches!(Pin::new(&mut writer).poll_flush(&mut quiet), Poll::Ready(Ok(()))));
        for _ in 0..2 {
            assert!(matches!(Pin::new(&mut writer).poll_close(&mut quiet), Poll::Ready(Ok(()))));
        }
        let mut owned = theirs;
        let read =
            core::future::poll_fn(|context| Pin::new(&mut owned).poll_read(context, &mut space));
        assert_eq!(read.await.unwrap(), 5);
        assert_eq!(space[..5], *b"hello");
        let end =
            core::future::poll_fn(|context| Pin::new(&mut owned).poll_read(context, &mut space));
        assert_eq!(end.await.unwrap(), 0);
    });
}

#[test]
fn nobody_there_nobody_listening_and_no_way_are_told_apart() {
    under_tokio(async |sockets| {
        let kind =
            async |to: &str| sockets[0].connect(to.parse().unwrap()).await.unwrap_err().kind();
        assert_eq!(kind("192.0.2.2:1").await, io::ErrorKind::ConnectionRefused);
        assert_eq!(kind("198.51.100.1:1").await, io::ErrorKind::NetworkUnreachable);
        assert_eq!(kind("192.0.2.2:0").await, io::ErrorKind::InvalidInput);
        let _first = sockets[1].listen(server()).unwrap();
        let second = sockets[1].listen(server()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    });
}
