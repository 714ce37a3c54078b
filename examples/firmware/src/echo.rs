//! The loop and the application: what comes is sent back, and when the peer has finished so do we.

use crate::device::Device;
use crate::packet::{self, PACKET_MAX};
use core::marker::PhantomData;
use core::net::{Ipv6Addr, SocketAddr};
use mainstay_base::{Instant, Rng};
use mainstay_tcp::index::Scan;
use mainstay_tcp::queue::CopyQueue;
use mainstay_tcp::{
    Config, Endpoint, Engine, Handle, Ingress, Listener, Profile, Push, Slot, State, Tables,
    TcpError,
};

/// How many connections there can be at a time.
pub(crate) const CONNECTIONS: usize = 2;
/// The port of the echo protocol. IANA
const PORT: u16 = 7;
/// Packets taken between two looks at the clock. chosen: a burst of a window
const BURST: usize = 8;

/// Everything in arrays.
#[derive(Debug)]
pub struct Parts<P>(PhantomData<P>);

impl<P: Profile> Tables for Parts<P> {
    type Profile = P;
    type Slots = [Slot<P>; CONNECTIONS];
    type Listeners = [Listener; 1];
    type Index = Scan;
    type Memory = ();
    const FAST_OPEN: bool = false;
}

/// An echo server.
#[derive(Debug)]
pub struct Echo<P: Profile> {
    engine: Engine<Parts<P>>,
    handles: [Handle; CONNECTIONS],
    address: Ipv6Addr,
    packet: [u8; PACKET_MAX as usize],
}

impl<P: Profile> Echo<P>
where
    P::Queue: CopyQueue,
{
    /// A server at `address`, from 32 bytes of entropy that nobody else knows.
    ///
    /// # Errors
    /// [`TcpError::InvalidArgs`] for an address nobody can listen on.
    pub fn new(
        address: Ipv6Addr,
        entropy: [u8; 32],
        endpoints: [Endpoint<P>; CONNECTIONS],
    ) -> Result<Self, TcpError> {
        let slots = core::array::from_fn(|_| Slot::default());
        let listeners = [Listener::default()];
        let rng = Rng::new(entropy);
        let mut engine = Engine::new(Config::default(), rng, slots, listeners, Scan::default());
        engine.listen(SocketAddr::from((address, PORT)))?;
        let [first, second] = endpoints;
        let first = engine.attach(first).map_err(|_| TcpError::QueueFull)?;
        let second = engine.attach(second).map_err(|_| TcpError::QueueFull)?;
        let packet = [0; PACKET_MAX as usize];
        Ok(Self { engine, handles: [first, second], address, packet })
    }

    /// Serves for ever.
    pub fn run(&mut self, device: &mut (impl Device + ?Sized)) -> ! {
        loop {
            let until = self.turn(device);
            device.wait(until);
        }
    }

    /// Does what can be done now; says until when nothing happens by itself.
    pub fn turn(&mut self, device: &mut (impl Device + ?Sized)) -> Option<Instant> {
        let now = device.now();
        for _ in 0..BURST {
            let Some(len) = device.receive(&mut self.packet) else { break };
            self.take(now, len);
            self.answer(now);
        }
        self.engine.handle_timeout(now);
        self.answer(now);
        while let Some(segment) = self.engine.poll_transmit(now) {
            if let Some(len) = packet::write(&segment, &mut self.packet) {
                device.transmit(self.packet.get(..len).unwrap_or(&[]));
            }
        }
        self.engine.next_deadline()
    }

    /// A packet of `len` bytes came.
    fn take(&mut self, now: Instant, len: usize) {
        let packet = self.packet.get(..len).unwrap_or(&[]);
        let Some((meta, segment)) = packet::read(packet, self.address) else { return };
        let free = self.handles.into_iter().find(|handle| {
            self.engine.endpoint(*handle).is_some_and(|it| it.state() == State::Closed)
        });
        if let Ingress::Incoming(incoming) = self.engine.handle_segment(now, &meta, segment)
            && let Some(free) = free
        {
            // A peer that cannot be accepted was told so; one for whom there is no place will ask again.
            let _ = incoming.accept(free);
        }
    }

    /// Sends back what came, as far as there is room.
    fn answer(&mut self, now: Instant) {
        while self.engine.poll_event().is_some() {} // what they tell is looked at below
        for handle in self.handles {
            if let Some(mut connection) = self.engine.at(now, handle) {
                let mut piece = [0; 64];
                loop {
                    let room = connection.endpoint().map_or(0, |it| it.queue().room());
                    let piece = piece.split_at_mut(room.min(64)).0;
                    let count = connection.read(piece).unwrap_or(0);
                    let bytes = piece.get(..count).unwrap_or(&[]);
                    // After an abort there is nobody to write to.
                    if count == 0 || connection.write(bytes, Push::Now).is_err() {
                        break;
                    }
                }
                let done = connection.endpoint().is_some_and(|it| {
                    it.state() == State::CloseWait && it.recv().iter().all(|part| part.is_empty())
                });
                if done {
                    let _ = connection.finish(); // CLOSE-WAIT allows it
                }
            }
        }
    }
}
