//! Two interfaces of smoltcp and the same two wires: one sends, the other reads and forgets at once.

use super::link::Link;
use crate::Fallible;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{self, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

/// Payload of a segment is 1460.
const MTU: usize = 1500;
const PORT: u16 = 80;
const BUFFER: usize = 1 << 16;

/// One end of both wires, for one turn.
struct Wires<'a> {
    incoming: &'a mut Link,
    outgoing: &'a mut Link,
    checksums: bool,
    segments: &'a mut u64,
}

struct Received<'a>(&'a [u8]);

struct Room<'a> {
    wire: &'a mut Link,
    segments: &'a mut u64,
}

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl phy::TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        // Longer than any header: there is payload.
        *self.segments += u64::from(len > 100);
        f(self.wire.put(len))
    }
}

impl Device for Wires<'_> {
    type RxToken<'a>
        = Received<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Room<'a>
    where
        Self: 'a;

    fn receive(&mut self, _now: Instant) -> Option<(Received<'_>, Room<'_>)> {
        if !self.outgoing.has_room() {
            return None;
        }
        let frame = self.incoming.take()?;
        Some((Received(frame), Room { wire: self.outgoing, segments: self.segments }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Room<'_>> {
        let room = Room { wire: self.outgoing, segments: self.segments };
        room.wire.has_room().then_some(room)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        if !self.checksums {
            capabilities.checksum = ChecksumCapabilities::ignored();
        }
        capabilities
    }
}

struct Side {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    segments: u64,
}

impl Side {
    fn new(number: u8, wires: [&mut Link; 2], checksums: bool) -> Self {
        let [incoming, outgoing] = wires;
        let mut segments = 0;
        let mut wires = Wires { incoming, outgoing, checksums, segments: &mut segments };
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wires, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let _room = addresses.push(IpCidr::new(IpAddress::v4(10, 0, 0, number), 24));
        });
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.set_congestion_control(CongestionControl::Cubic);
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self { interface, sockets, handle, segments }
    }

    fn poll(&mut self, now: Instant, incoming: &mut Link, outgoing: &mut Link, checksums: bool) {
        let segments = &mut self.segments;
        let mut wires = Wires { incoming, outgoing, checksums, segments };
        self.interface.poll(now, &mut wires, &mut self.sockets);
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }
}

/// A connection that is open.
pub(crate) struct Pair {
    now: Instant,
    sender: Side,
    reader: Side,
    there: Link,
    back: Link,
    read: u64,
    checksums: bool,
}

impl Pair {
    /// Opens it.
    pub(crate) fn new(checksums: bool, burst: usize) -> Fallible<Self> {
        let (mut there, mut back) = (Link::new(burst, MTU), Link::new(burst, MTU));
        let sender = Side::new(1, [&mut back, &mut there], checksums);
        let reader = Side::new(2, [&mut there, &mut back], checksums);
        let now = Instant::from_millis(1000);
        let mut pair = Self { now, sender, reader, there, back, read: 0, checksums };
        pair.reader.socket().listen(PORT)?;
        let peer = (IpAddress::v4(10, 0, 0, 2), PORT);
        let Side { interface, sockets, handle, .. } = &mut pair.sender;
        sockets.get_mut::<Socket<'_>>(*handle).connect(interface.context(), peer, 49_152)?;
        Ok(pair)
    }

    /// Until the reader has had so many bytes; how many segments with payload left for it.
    pub(crate) fn transfer(&mut self, bytes: u64) -> Fallible<u64> {
        let (segments, until) = (self.sender.segments, self.read + bytes);
        let mut quiet = 0;
        while self.read < until {
            let read = self.read;
            self.turn()?;
            quiet = if self.read == read { quiet + 1 } else { 0 };
            if quiet > 100_000 {
                return Err("nothing moves".into());
            }
        }
        Ok(self.sender.segments - segments)
    }

    fn turn(&mut self) -> Fallible {
        let socket = self.sender.socket();
        while socket.can_send() {
            // Written in place: nothing to copy, as for the pieces our engine is lent.
            socket.send(|room| (room.len(), ()))?;
        }
        self.sender.poll(self.now, &mut self.back, &mut self.there, self.checksums);
        self.reader.poll(self.now, &mut self.there, &mut self.back, self.checksums);
        let socket = self.reader.socket();
        let mut read = 0;
        while socket.can_recv() {
            read += socket.recv(|bytes| (bytes.len(), bytes.len()))?;
        }
        self.read += read as u64;
        self.now += Duration::from_micros(10);
        Ok(())
    }
}
