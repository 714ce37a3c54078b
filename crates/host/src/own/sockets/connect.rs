//! Beginning a connection, and waiting for one.

use super::connection::Connection;
use super::hub::{Inside, Share};
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use mainstay_base::Instant;
use mainstay_net::network::Settings;
use mainstay_tcp::{Endpoint, Handle, ListenerHandle, TcpError};
use std::io;
use std::sync::Arc;

/// A connection that is being begun.
#[must_use = "a future does nothing unless it is polled"]
#[derive(Debug)]
pub struct Connect {
    share: Share,
    peer: SocketAddr,
    settings: Option<Arc<Settings>>,
    connection: Option<Connection>,
}

impl Connect {
    pub(super) const fn new(
        share: Share,
        peer: SocketAddr,
        settings: Option<Arc<Settings>>,
    ) -> Self {
        Self { share, peer, settings, connection: None }
    }

    /// Begins; `None` while there is no address of ours yet.
    fn begin(&mut self, context: &Context<'_>) -> Option<io::Result<Connection>> {
        let (peer, settings) = (self.peer, self.settings.clone());
        let begun = self.share.hub().with(|inside, now| {
            if let Err(error) = inside.check() {
                return Some(Err(error));
            }
            match inside.network.connect(now, peer, settings, 0) {
                Ok(handle) => {
                    inside.hold(handle);
                    Some(Ok((handle, ends(inside, handle))))
                }
                Err(TcpError::NoRoute) if inside.network.is_settling(peer.ip()) => {
                    inside.wait_settled(context);
                    None
                }
                Err(error) => Some(Err(kind(error).into())),
            }
        })?;
        self.share.hub().stir();
        Some(begun.map(|(handle, ends)| Connection::new(self.share.clone(), handle, ends)))
    }
}

impl Future for Connect {
    type Output = io::Result<Connection>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => match self.begin(context) {
                Some(begun) => begun?,
                None => return Poll::Pending,
            },
        };
        match connection.poll_open(context) {
            Poll::Ready(result) => Poll::Ready(result.map(|()| connection)),
            Poll::Pending => {
                self.connection = Some(connection);
                Poll::Pending
            }
        }
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.abort();
        }
    }
}

/// Connections that come to one address and port; none comes any more once it is dropped.
#[derive(Debug)]
pub struct Listener {
    share: Share,
    listener: ListenerHandle,
    local: SocketAddr,
}

impl Listener {
    pub(super) fn new(share: Share, local: SocketAddr) -> io::Result<Self> {
        let listener = share.hub().with(|inside, _| {
            inside.check()?;
            let listener = inside.network.listen(local).map_err(kind)?;
            inside.open_listener(listener);
            Ok::<_, io::Error>(listener)
        })?;
        Ok(Self { share, listener, local })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The next connection that came in.
    ///
    /// # Errors
    /// As the poll's value: the link is gone.
    pub fn poll_accept(&self, context: &Context<'_>) -> Poll<io::Result<Connection>> {
        let come = self.share.hub().with(|inside, _| {
            if let Err(error) = inside.check() {
                return Some(Err(error));
            }
            let Some(handle) = inside.network.accept(self.listener, 0) else {
                inside.wait_incoming(self.listener, context);
                return None;
            };
            inside.hold(handle);
            Some(Ok((handle, ends(inside, handle))))
        });
        let Some(come) = come else { return Poll::Pending };
        Poll::Ready(come.map(|(handle, ends)| Connection::new(self.share.clone(), handle, ends)))
    }

    /// Waits for the next connection that comes in. Dropping the future loses none.
    ///
    /// # Errors
    /// The link is gone.
    pub async fn accept(&self) -> io::Result<Connection> {
        poll_fn(|context| self.poll_accept(context)).await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.share.hub().with(|inside, now: Instant| inside.close_listener(now, self.listener));
        self.share.hub().stir();
    }
}

fn ends(inside: &Inside, handle: Handle) -> [SocketAddr; 2] {
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let endpoint = inside.network.engine().endpoint(handle);
    endpoint.map_or([nowhere; 2], |endpoint: &Endpoint<_>| [endpoint.local(), endpoint.peer()])
}

/// Why it could not even be begun, in the words of sockets.
const fn kind(error: TcpError) -> io::ErrorKind {
    match error {
        TcpError::NoRoute => io::ErrorKind::NetworkUnreachable,
        TcpError::AddrInUse => io::ErrorKind::AddrInUse,
        TcpError::QueueFull | TcpError::BufferTooSmall => io::ErrorKind::OutOfMemory,
        TcpError::InvalidState | TcpError::InvalidArgs => io::ErrorKind::InvalidInput,
        TcpError::NotOpen | TcpError::SendClosed | TcpError::Stale | _ => io::ErrorKind::Other,
    }
}
