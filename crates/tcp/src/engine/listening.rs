//! Who listens where.

use super::{Engine, Listener, ListenerHandle, Memory as _, Tables};
use crate::end::End;
use crate::error::TcpError;
use core::net::SocketAddr;

impl<T: Tables> Engine<T> {
    /// Listens on an address that may be unspecified and a port that may not (TCP-072).
    ///
    /// # Errors
    /// [`TcpError::InvalidArgs`] without a port, [`TcpError::AddrInUse`] beside a listener that takes the same or an
    /// endpoint that is bound to it and not connected (TCP-021), [`TcpError::QueueFull`] without a free place.
    pub fn listen(&mut self, address: SocketAddr) -> Result<ListenerHandle, TcpError> {
        let end = End::new(address).filter(|end| end.port != 0 && !end.address.is_multicast());
        let Some(end) = end else { return Err(TcpError::InvalidArgs) };
        if self.listeners.as_ref().iter().any(|it| it.end == end) || self.is_bound(&end) {
            return Err(TcpError::AddrInUse);
        }
        let mut places = (0..).zip(self.listeners.as_mut());
        let free = places.find(|(_, listener)| listener.end.port == 0);
        let Some((slot, listener)) = free else { return Err(TcpError::QueueFull) };
        let generation = listener.generation.wrapping_add(1);
        *listener = Listener { end, generation, early: 0 };
        Ok(ListenerHandle { slot, generation })
    }

    /// Stops listening; what was accepted stays (TCP-072).
    pub fn stop(&mut self, handle: ListenerHandle) {
        if let Some(listener) = self.listeners.as_mut().get_mut(handle.slot as usize)
            && listener.generation == handle.generation
        {
            listener.end = End::NONE;
            if let (Some(kept), Ok(slot)) = (self.memory.kept_mut(), u16::try_from(handle.slot)) {
                kept.syns.remove_listener(slot);
            }
        }
    }

    /// Who a SYN to `local` is for: an exact address before an unspecified one (TCP-073).
    pub(super) fn listener(&self, local: &End) -> Option<ListenerHandle> {
        let wild = End { address: local.address.wildcard(), port: local.port };
        self.listener_at(local).or_else(|| self.listener_at(&wild))
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn listener_at(&self, end: &End) -> Option<ListenerHandle> {
        let mut places = (0..).zip(self.listeners.as_ref());
        let (slot, listener) = places.find(|(_, listener)| listener.end == *end)?;
        Some(ListenerHandle { slot, generation: listener.generation })
    }
}
