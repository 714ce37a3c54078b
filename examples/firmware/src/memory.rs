//! How much memory, and the two ready-made servers.

use crate::device::Device;
use crate::echo::{CONNECTIONS, Echo};
use core::net::Ipv6Addr;
use mainstay_tcp::congestion::{cubic, reno};
use mainstay_tcp::queue::RingQueue;
use mainstay_tcp::sizing::{FEW_HOPS, storage_for, window_for};
use mainstay_tcp::{Endpoint, Profile, Settings, Std, TcpError, Tiny};

/// What one connection may have sent and not know to be received, in bytes: five segments, as in the other direction.
const SEND: usize = match window_for(3) {
    Some(window) => window,
    None => 0,
};

const _: () = assert!(storage_for(SEND) == FEW_HOPS);

/// What the connections send and receive, for peers at most three hops away.
#[derive(Debug)]
pub struct Memory {
    receive: [[u8; FEW_HOPS]; CONNECTIONS],
    send: [[u8; SEND]; CONNECTIONS],
}

impl Memory {
    /// Memory that nobody uses yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { receive: [[0; FEW_HOPS]; CONNECTIONS], send: [[0; SEND]; CONNECTIONS] }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// The parts that live in [`Memory`].
type Bytes<'m> = &'m mut [u8];
/// The smallest profile in [`Memory`].
pub type TinyParts<'m> = Tiny<Bytes<'m>, RingQueue<Bytes<'m>>>;
/// The profile for embedded systems in [`Memory`].
pub type StdParts<'m> = Std<Bytes<'m>, RingQueue<Bytes<'m>>>;

static TINY: Settings<reno::Config> = Settings::tiny(reno::Config { abe: true, paced: false });
static STD: Settings<cubic::Config> = Settings::host(cubic::Config {
    hystart: true,
    paced: false,
    abe: true,
    fast_convergence: true,
});

/// An echo server of the smallest profile.
///
/// # Errors
/// [`TcpError::InvalidArgs`] for an address nobody can listen on.
pub fn tiny_server(
    memory: &mut Memory,
    address: Ipv6Addr,
    entropy: [u8; 32],
) -> Result<Echo<TinyParts<'_>>, TcpError> {
    Echo::new(address, entropy, endpoints(memory, &TINY)?)
}

/// An echo server of the profile for embedded systems.
///
/// # Errors
/// [`TcpError::InvalidArgs`] for an address nobody can listen on.
pub fn std_server(
    memory: &mut Memory,
    address: Ipv6Addr,
    entropy: [u8; 32],
) -> Result<Echo<StdParts<'_>>, TcpError> {
    Echo::new(address, entropy, endpoints(memory, &STD)?)
}

/// Serves with the smallest profile for ever; returns only if nobody can listen on `address`.
pub fn echo_tiny(
    memory: &mut Memory,
    address: Ipv6Addr,
    entropy: [u8; 32],
    device: &mut dyn Device,
) -> TcpError {
    match tiny_server(memory, address, entropy) {
        Ok(mut server) => server.run(device),
        Err(fault) => fault,
    }
}

/// Serves with the profile for embedded systems for ever; returns only if nobody can listen on `address`.
pub fn echo_std(
    memory: &mut Memory,
    address: Ipv6Addr,
    entropy: [u8; 32],
    device: &mut dyn Device,
) -> TcpError {
    match std_server(memory, address, entropy) {
        Ok(mut server) => server.run(device),
        Err(fault) => fault,
    }
}

fn endpoints<'m, P>(
    memory: &'m mut Memory,
    settings: P::Settings,
) -> Result<[Endpoint<P>; CONNECTIONS], TcpError>
where
    P: Profile<Storage = Bytes<'m>, Queue = RingQueue<Bytes<'m>>, Context = (), Settings: Copy>,
{
    let [receive, other_receive] = memory.receive.each_mut().map(<[u8; FEW_HOPS]>::as_mut_slice);
    let [send, other_send] = memory.send.each_mut().map(<[u8; SEND]>::as_mut_slice);
    Ok([
        Endpoint::new(receive, RingQueue::new(send), settings, ())?,
        Endpoint::new(other_receive, RingQueue::new(other_send), settings, ())?,
    ])
}
