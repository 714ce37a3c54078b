//! tokio-tungstenite, as it is used and at its best: `send` for each message, or `feed` while
//! messages are ready and one flush before it would wait.

use super::{Job, Lap};
use crate::scenario::PAYLOAD;
use crate::{Fallible, pki};
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, ready};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// `fed`: at its best.
pub(super) async fn run(job: &Job, fed: bool) -> Fallible {
    let socket = TcpStream::connect(("127.0.0.1", job.port)).await?;
    socket.set_nodelay(true)?;
    match &job.ca {
        None => echo(job, socket, fed).await,
        Some(ca) => {
            let connector = TlsConnector::from(pki::client(ca, &[])?);
            let tls = connector.connect(ServerName::try_from("127.0.0.1")?, socket).await?;
            echo(job, tls, fed).await
        }
    }
}

async fn echo(job: &Job, io: impl AsyncRead + AsyncWrite + Unpin, fed: bool) -> Fallible {
    let (socket, _) = client_async(format!("ws://127.0.0.1:{}/echo", job.port), io).await?;
    if fed { at_its_best(job, socket).await } else { message_by_message(job, socket).await }
}

async fn message_by_message<S>(job: &Job, mut socket: WebSocketStream<S>) -> Fallible
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut lap = Lap::new(job);
    let message = || Message::Binary(Bytes::from_static(&PAYLOAD));
    for _ in 0..job.in_flight {
        if lap.begin() {
            socket.send(message()).await?;
        }
    }
    while !lap.is_over() {
        if socket.next().await.ok_or("the echo ended")??.is_binary() {
            lap.finish();
            if lap.begin() {
                socket.send(message()).await?;
            }
        }
    }
    lap.report();
    Ok(())
}

async fn at_its_best<S>(job: &Job, socket: WebSocketStream<S>) -> Fallible
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = pin!(socket);
    let mut lap = Lap::new(job);
    let mut owed = job.in_flight;
    // Feeding never blocks: what is in flight fits the write buffer many times.
    poll_fn(|cx| -> Poll<Fallible> {
        loop {
            while owed > 0 {
                owed -= 1;
                if lap.begin() {
                    ready!(socket.as_mut().poll_ready(cx))?;
                    let payload = Bytes::from_static(&PAYLOAD);
                    socket.as_mut().start_send(Message::Binary(payload))?;
                }
            }
            if lap.is_over() {
                return Poll::Ready(Ok(()));
            }
            match socket.as_mut().poll_next(cx) {
                Poll::Ready(Some(message)) => {
                    if message?.is_binary() {
                        lap.finish();
                        owed += 1;
                    }
                }
                Poll::Ready(None) => return Poll::Ready(Err("the echo ended".into())),
                Poll::Pending => {
                    let _pending = socket.as_mut().poll_flush(cx)?;
                    return Poll::Pending;
                }
            }
        }
    })
    .await?;
    lap.report();
    Ok(())
}
