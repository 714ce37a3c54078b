//! tokio-tungstenite at its best: answers are fed while messages are ready and flushed together
//! before it would wait.

use super::{Job, Lap};
use crate::scenario::PAYLOAD;
use crate::{Fallible, pki};
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Poll, ready};
use futures_util::{Sink, Stream};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Bytes, Message};

pub(super) async fn run(job: &Job) -> Fallible {
    let socket = TcpStream::connect(("127.0.0.1", job.port)).await?;
    socket.set_nodelay(true)?;
    match &job.ca {
        None => echo(job, socket).await,
        Some(ca) => {
            let connector = TlsConnector::from(pki::client(ca, &[])?);
            echo(job, connector.connect(ServerName::try_from("127.0.0.1")?, socket).await?).await
        }
    }
}

async fn echo(job: &Job, io: impl AsyncRead + AsyncWrite + Unpin) -> Fallible {
    let (socket, _) = client_async(format!("ws://127.0.0.1:{}/echo", job.port), io).await?;
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
