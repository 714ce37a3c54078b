//! Who listens where.

use super::{Engine, Listener, ListenerHandle, Memory as _, Tables};
use crate::endpoint::{Address as _, Either};
use crate::error::TcpError;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

impl<T: Tables> Engine<T> {
    /// Listens on an address that may be unspecified and a port that may not (TCP-072).
    ///
    /// # Errors
    /// [`TcpError::InvalidArgs`] without a port, [`TcpError::AddrInUse`] beside a listener that takes the same or an
    /// endpoint that is bound to it and not connected (TCP-021), [`TcpError::QueueFull`] without a free place.
    pub fn listen(&mut self, address: SocketAddr) -> Result<ListenerHandle, TcpError> {
        let ip = Either::new(address.ip()).filter(|_| !address.ip().is_multicast());
        let Some(ip) = ip.filter(|_| address.port() != 0) else {
            return Err(TcpError::InvalidArgs);
        };
        let same = |it: &Listener| it.ip == Some(ip) && it.port == address.port();
        if self.listeners.as_ref().iter().any(same) || self.is_bound(address) {
            return Err(TcpError::AddrInUse);
        }
        let listeners = self.listeners.as_mut();
        let free = listeners.iter_mut().enumerate().find(|(_, listener)| listener.ip.is_none());
        let Some((slot, listener)) = free else { return Err(TcpError::QueueFull) };
        (listener.ip, listener.port) = (Some(ip), address.port());
        listener.early = 0;
        listener.generation = listener.generation.wrapping_add(1);
        Ok(ListenerHandle {
            slot: u32::try_from(slot).unwrap_or(u32::MAX),
            generation: listener.generation,
        })
    }

    /// Stops listening; what was accepted stays (TCP-072).
    pub fn stop(&mut self, handle: ListenerHandle) {
        if let Some(listener) = self.listeners.as_mut().get_mut(handle.slot as usize)
            && listener.generation == handle.generation
        {
            listener.ip = None;
            if let (Some(kept), Ok(slot)) = (self.memory.kept_mut(), u16::try_from(handle.slot)) {
                kept.syns.remove_listener(slot);
            }
        }
    }

    /// Who a SYN to `local` is for: an exact address before an unspecified one (TCP-073).
    pub(super) fn listener(&self, local: SocketAddr) -> Option<ListenerHandle> {
        let mut found = None;
        let wildcard: IpAddr = match local {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        for (slot, listener) in self.listeners.as_ref().iter().enumerate() {
            let Some(ip) = listener.ip.filter(|_| listener.port == local.port()) else { continue };
            let exact = ip.is(&local.ip());
            let wild = ip.is(&wildcard);
            if exact || (wild && found.is_none()) {
                let slot = u32::try_from(slot).unwrap_or(u32::MAX);
                found = Some(ListenerHandle { slot, generation: listener.generation });
            }
            if exact {
                break;
            }
        }
        found
    }
}
