//! The WebSocket peer: tungstenite.

use super::tally::{Endpoint, Service};
use super::{Site, tls};
use core::time::Duration;
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

/// Between two ticks. chosen: visible, and no flood.
const TICK: Duration = Duration::from_millis(250);

pub(crate) async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, site: Arc<Site>) {
    loop {
        let stream = tls::accept(&listener).await;
        let (acceptor, site) = (acceptor.clone(), Arc::clone(&site));
        tokio::task::spawn_local(async move {
            match acceptor {
                None => connection(stream, site).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, site).await;
                    }
                }
            }
        });
    }
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(stream: S, site: Arc<Site>) {
    let mut path = String::new();
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        request.uri().path().clone_into(&mut path);
        if matches!(path.as_str(), "/echo" | "/ticker") {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::NOT_FOUND;
        Err(refusal)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    site.counters().connected(Service::Ws);
    if path == "/echo" {
        echo(socket, &site).await;
    } else {
        tick(socket, &site).await;
    }
}

/// Sends back what comes. The library answers pings and the close handshake while it is read.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>, site: &Site) {
    while let Some(Ok(message)) = socket.next().await {
        if !(message.is_text() || message.is_binary()) {
            continue;
        }
        let len = message.len();
        site.counters().received(Endpoint::Echo, 1, len);
        site.counters().sent(Endpoint::Echo, 1, len);
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

async fn tick<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>, site: &Site) {
    let mut clock = tokio::time::interval(TICK);
    let mut number = 0_u64;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(message)) if message.is_text() || message.is_binary() => {
                    site.counters().received(Endpoint::Ticker, 1, message.len());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            _ = clock.tick() => {
                if site.is_hushed() {
                    continue;
                }
                number += 1;
                let text = format!(r#"{{"tick":{number}}}"#);
                site.counters().sent(Endpoint::Ticker, 1, text.len());
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
        }
    }
}
