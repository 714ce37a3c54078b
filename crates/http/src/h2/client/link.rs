//! What exists while the connection does: the library's handles.

use crate::h2::Config;
use crate::h2::pipe::Transport;
use ::h2::client::{Builder, Connection, SendRequest};
use ::h2::{Error, Ping, PingPong};
use bytes::Bytes;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

/// Streams opened before the peer's SETTINGS say how many it takes; the others wait for them.
/// RFC 9113 §5.1.2 lets a peer refuse what is above its limit, and a refused stream costs its
/// owner an attempt. chosen: the one that every peer takes; the settings are its first frame.
const BEFORE_SETTINGS: usize = 1;

/// What the library says is allowed until SETTINGS came. chosen: a number no peer can say.
const UNTOLD: usize = usize::MAX - 1;

/// What exists while the connection does.
pub(super) struct Link {
    pub(super) connection: Connection<Transport, Bytes>,
    /// Opens streams; `None` when no more may be.
    pub(super) sender: Option<SendRequest<Bytes>>,
    /// Never opens any: asked whether the connection still takes some.
    pub(super) probe: Option<SendRequest<Bytes>>,
    pub(super) pings: Option<PingPong>,
    pub(super) pinging: bool,
}

impl Link {
    pub(super) fn new(config: &Config, transport: Transport) -> Option<Self> {
        let mut builder = Builder::new();
        builder
            .initial_window_size(config.stream_window())
            .initial_connection_window_size(config.connection_window())
            .max_header_list_size(config.header_list_max.saturating_mul(4))
            .max_send_buffer_size(config.send_max)
            .data_frame_budget(config.data_frame_budget())
            .initial_max_send_streams(UNTOLD)
            .enable_push(false);
        let handshake = pin!(builder.handshake(transport));
        let polled = handshake.poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok((sender, connection))) = polled else { return None };
        let probe = Some(sender.clone());
        Some(Self { connection, sender: Some(sender), probe, pings: None, pinging: false })
    }

    /// Streams that may be open at once.
    pub(super) fn allowed(&self) -> usize {
        match self.sender.as_ref().map(SendRequest::current_max_send_streams) {
            None => 0,
            Some(UNTOLD) => BEFORE_SETTINGS,
            Some(told) => told,
        }
    }

    pub(super) fn ping(&mut self) {
        if self.pings.is_none() {
            self.pings = self.connection.ping_pong();
        }
        if let Some(pings) = &mut self.pings {
            self.pinging |= pings.send_ping(Ping::opaque()).is_ok();
        }
    }

    pub(super) fn pong(&mut self) -> bool {
        let Some(pings) = &mut self.pings else { return false };
        let polled = pings.poll_pong(&mut Context::from_waker(Waker::noop()));
        self.pinging = polled.is_pending();
        matches!(polled, Poll::Ready(Ok(_)))
    }

    /// Why no more streams may be opened, the first time that is so.
    pub(super) fn refusal(&mut self) -> Option<Error> {
        let probe = self.probe.as_mut()?;
        let polled = probe.poll_ready(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Err(error)) = polled else { return None };
        (self.sender, self.probe) = (None, None);
        Some(error)
    }
}
