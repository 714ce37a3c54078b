//! A whole connection between our TCP and the kernel's: bytes both ways, an orderly end, and all of it compared.

use super::{Flow, Heard, KERNEL, OURS, Stack, converse, listener};
use core::net::IpAddr;
use mainstay_tcp::{Disconnected, Facts};
use mainstay_test_support::Site;
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

/// A thread of the kernel's side that takes one connection.
#[must_use]
pub fn taking<R: Send + 'static>(
    listener: TcpListener,
    act: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> JoinHandle<R> {
    thread::spawn(move || act(listener.accept().unwrap().0))
}

/// A thread of the kernel's side that connects to us.
#[must_use]
pub fn coming<R: Send + 'static>(
    to: IpAddr,
    port: u16,
    act: impl FnOnce(TcpStream) -> R + Send + 'static,
) -> JoinHandle<R> {
    thread::spawn(move || act(TcpStream::connect((to, port)).unwrap()))
}

/// We connect; both sides send at once, we finish first. What the kernel saw, and what we knew while both still sent.
#[must_use]
pub fn exchange(site: &Site, stack: &mut Stack, family: usize, counts: [u64; 2]) -> (Heard, Facts) {
    let (listener, port) = listener(KERNEL[family]);
    let place = site.clone();
    let kernel = taking(listener, move |stream| converse(&place, &stream, counts[1]));
    let flow = stack.connect((KERNEL[family], port).into(), counts[0]);
    let facts = check(stack, flow, counts[1]);
    let heard = kernel.join().unwrap();
    assert_eq!(heard.received, counts[0]);
    (heard, facts)
}

/// The same, but the kernel connects.
#[must_use]
pub fn accepted(site: &Site, stack: &mut Stack, family: usize, counts: [u64; 2]) -> (Heard, Facts) {
    let port = site.port();
    let listener = stack.listen(OURS[family], port);
    let place = site.clone();
    let kernel = coming(OURS[family], port, move |stream| converse(&place, &stream, counts[1]));
    let flow = stack.accept(listener, counts[0]);
    let facts = check(stack, flow, counts[1]);
    let heard = kernel.join().unwrap();
    assert_eq!(heard.received, counts[0]);
    (heard, facts)
}

/// Serves a connection to its end; it got so many bytes.
fn check(stack: &mut Stack, flow: Flow, expected: u64) -> Facts {
    let mut flows = [flow];
    stack.run(&mut flows, |flows| flows[0].is_open() || flows[0].is_over());
    let facts = flows[0].facts(stack.network());
    let [flow] = flows;
    let flow = stack.finish(flow);
    assert_eq!(flow.received(), expected);
    assert!(flow.peer_finished());
    assert_eq!(flow.ended(), Some(Disconnected::TimeWait), "{}", stack.tell(&[flow]));
    facts
}
