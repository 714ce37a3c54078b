//! What the hardware has to offer.

use mainstay_base::Instant;

/// A clock and a way for IPv6 packets.
pub trait Device {
    /// The time since some start; it never goes back.
    fn now(&mut self) -> Instant;

    /// Copies the next packet that came into `packet` and says how long it is; `None` if there is none, or if it is
    /// longer than the room for it.
    fn receive(&mut self, packet: &mut [u8]) -> Option<usize>;

    /// Sends a packet, or drops it if there is no room: the connection will send it again.
    fn transmit(&mut self, packet: &[u8]);

    /// Sleeps until a packet is there or the time has come, whichever is first; `None` is never.
    fn wait(&mut self, until: Option<Instant>);
}
