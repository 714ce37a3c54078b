//! What can be asked of a connection.
//!
//! What a poll that has to wait was asked for is not done: a future that is dropped has taken and given nothing.

use super::hub::{Share, Side};
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll};
use mainstay_net::network::Vectors;
use mainstay_tcp::queue::{CopyQueue as _, TxQueue as _};
use mainstay_tcp::{Disconnected, Endpoint, Facts, Handle, Live, Push, State, TcpError};
use std::io;

/// One connection. By reference it can be read by one task and written by another, each of which is woken for its part.
#[derive(Debug)]
pub struct Connection {
    share: Share,
    handle: Handle,
    local: SocketAddr,
    peer: SocketAddr,
}

type Lent<'a> = Live<'a, Vectors>;

impl Connection {
    /// For a handle that has a seat.
    pub(super) fn new(share: Share, handle: Handle, ends: [SocketAddr; 2]) -> Self {
        let [local, peer] = ends;
        Self { share, handle, local, peer }
    }

    /// Our address and port.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The peer's.
    #[must_use]
    pub const fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// Everything that is known of it: state, segment size, windows, round trips; `None` when the link is gone.
    #[must_use]
    pub fn facts(&self) -> Option<Facts> {
        self.look(|live| live.endpoint().map(Endpoint::facts))?
    }

    /// Bytes that can be written now without waiting.
    #[must_use]
    pub fn room(&self) -> usize {
        self.look(|live| live.endpoint().map_or(0, |endpoint| endpoint.queue().room())).unwrap_or(0)
    }

    /// Whether small segments leave at once instead of waiting for what is unacknowledged (RFC 9293 §3.7.4).
    pub fn set_nodelay(&self, on: bool) {
        if self.look(|live| live.set_nagle(!on)).is_some() {
            self.share.hub().stir();
        }
    }

    /// Reads what there is: 0 at the end of the stream, or into nothing.
    ///
    /// # Errors
    /// As the poll's value: `ConnectionReset`, `TimedOut`, or the link's.
    pub fn poll_read(&self, context: &Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll(context, Side::Reader, |live| read(live, out))
    }

    /// Writes what there is room for, which then leaves at once.
    ///
    /// # Errors
    /// As the poll's value: `BrokenPipe` after our end, `ConnectionReset`, `TimedOut`, or the link's.
    pub fn poll_write(&self, context: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_push(context, bytes, Push::Now)
    }

    /// The same, and says whether more follows soon: then a segment that is not full waits for it, a while.
    ///
    /// # Errors
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_push(
        &self,
        context: &Context<'_>,
        bytes: &[u8],
        push: Push,
    ) -> Poll<io::Result<usize>> {
        self.poll(context, Side::Writer, |live| write(live, bytes, push))
    }

    /// Whether the peer has acknowledged everything that was written.
    ///
    /// # Errors
    /// As the poll's value: why it never will.
    pub fn poll_acked(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        self.poll(context, Side::Writer, |live| acked(live))
    }

    /// Waits until the peer has acknowledged everything that was written.
    ///
    /// # Errors
    /// Why it never will.
    pub async fn acked(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_acked(context)).await
    }

    /// No more will be written: our end goes out behind what was. Reading goes on; a second call does nothing.
    ///
    /// # Errors
    /// Why the connection was lost before.
    pub fn finish(&self) -> io::Result<()> {
        let result = self.share.hub().with(|inside, now| {
            inside.check()?;
            if inside.seat(self.handle).is_some_and(|seat| seat.finished) {
                return Ok(());
            }
            let Some(mut live) = inside.network.at(now, self.handle) else { return Err(gone()) };
            if live.finish().is_err() {
                return end(&live).map_or_else(|| Err(gone()), Err);
            }
            if let Some(seat) = inside.seat(self.handle) {
                seat.finished = true;
            }
            Ok(())
        });
        self.share.hub().stir();
        result
    }

    /// Ends the connection at once, whatever is queued: the peer sees a reset.
    pub fn abort(self) {
        self.share.hub().with(|inside, now| inside.let_go(now, self.handle, true));
        self.share.hub().stir();
    }

    /// Waits for the end of the handshake.
    pub(super) fn poll_open(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        let unreachable = self
            .share
            .hub()
            .with(|inside, _| inside.seat(self.handle).is_some_and(|seat| seat.unreachable));
        if unreachable {
            return Poll::Ready(Err(io::ErrorKind::HostUnreachable.into()));
        }
        self.poll(context, Side::Writer, |live| {
            let state = live.endpoint().map_or(State::Closed, Endpoint::state);
            if is_over(state) {
                return Some(Err(end(live).unwrap_or_else(gone)));
            }
            (!matches!(state, State::SynSent | State::SynReceived)).then_some(Ok(()))
        })
    }

    fn look<R>(&self, act: impl FnOnce(&mut Lent<'_>) -> R) -> Option<R> {
        let hub = self.share.hub();
        hub.with(|inside, now| inside.network.at(now, self.handle).map(|mut live| act(&mut live)))
    }

    /// Asks, and if there is no answer yet waits for one.
    fn poll<R>(
        &self,
        context: &Context<'_>,
        side: Side,
        act: impl FnOnce(&mut Lent<'_>) -> Option<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let answer = self.share.hub().with(|inside, now| {
            if let Err(error) = inside.check() {
                return Some(Err(error));
            }
            let Some(mut live) = inside.network.at(now, self.handle) else {
                return Some(Err(gone()));
            };
            let answer = act(&mut live);
            if answer.is_none() {
                inside.wait(self.handle, side, context);
            }
            answer
        });
        let Some(answer) = answer else { return Poll::Pending };
        self.share.hub().stir();
        Poll::Ready(answer)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.share.hub().with(|inside, now| inside.let_go(now, self.handle, false));
        self.share.hub().stir();
    }
}

fn gone() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

/// Whether there is no connection any more.
const fn is_over(state: State) -> bool {
    matches!(state, State::Closed | State::Armed)
}

/// Why there is no connection any more, if it was not both sides' wish.
fn end(live: &Lent<'_>) -> Option<io::Error> {
    let kind = match live.endpoint()?.facts().ended? {
        Disconnected::Refused => io::ErrorKind::ConnectionRefused,
        Disconnected::Reset => io::ErrorKind::ConnectionReset,
        Disconnected::TimedOut => io::ErrorKind::TimedOut,
        Disconnected::Normal | Disconnected::TimeWait | _ => return None,
    };
    Some(kind.into())
}

fn read(live: &mut Lent<'_>, out: &mut [u8]) -> Option<io::Result<usize>> {
    if out.is_empty() {
        return Some(Ok(0));
    }
    let endpoint = live.endpoint()?;
    if endpoint.recv().iter().any(|part| !part.is_empty()) {
        return Some(live.read(out).map_err(|_| gone()));
    }
    if endpoint.is_end_of_stream() {
        return Some(Ok(0));
    }
    is_over(endpoint.state()).then(|| end(live).map_or(Ok(0), Err))
}

fn write(live: &mut Lent<'_>, bytes: &[u8], push: Push) -> Option<io::Result<usize>> {
    match live.write(bytes, push) {
        Ok(0) if !bytes.is_empty() => None,
        Ok(count) => Some(Ok(count)),
        Err(TcpError::NotOpen) => {
            Some(Err(end(live).unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())))
        }
        Err(TcpError::SendClosed) => Some(Err(io::ErrorKind::BrokenPipe.into())),
        Err(_) => Some(Err(gone())),
    }
}

fn acked(live: &Lent<'_>) -> Option<io::Result<()>> {
    let endpoint = live.endpoint()?;
    if is_over(endpoint.state()) {
        return Some(end(live).map_or(Ok(()), Err));
    }
    endpoint.queue().is_empty().then_some(Ok(()))
}
