//! hyper's client connections, without a pool: one connection, `in_flight` requests on it.

use super::{Job, Lap};
use crate::{Fallible, pki};
use core::cell::RefCell;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

trait Bytestream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Bytestream for T {}

async fn dial(job: &Job, alpn: &[u8]) -> Fallible<TokioIo<Box<dyn Bytestream>>> {
    let socket = TcpStream::connect(("127.0.0.1", job.port)).await?;
    socket.set_nodelay(true)?;
    let Some(ca) = &job.ca else { return Ok(TokioIo::new(Box::new(socket))) };
    let connector = TlsConnector::from(pki::client(ca, &[alpn])?);
    let tls = connector.connect(ServerName::try_from("127.0.0.1")?, socket).await?;
    Ok(TokioIo::new(Box::new(tls)))
}

/// HTTP/1.1, one request after the other.
pub(super) async fn one(job: &Job) -> Fallible {
    let io = dial(job, b"http/1.1").await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
    tokio::spawn(connection);
    let mut lap = Lap::new(job);
    while lap.begin() {
        sender.ready().await?;
        let request =
            Request::get("/item").header("host", "127.0.0.1").body(Empty::<Bytes>::new())?;
        read(sender.send_request(request).await?).await?;
        lap.finish();
    }
    lap.report();
    Ok(())
}

/// HTTP/2, `in_flight` streams on one connection.
pub(super) async fn two(job: &Job) -> Fallible {
    let io = dial(job, b"h2").await?;
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(connection);
    let lap = RefCell::new(Lap::new(job));
    let uri = format!("https://127.0.0.1:{}/item", job.port);
    let mut lanes: FuturesUnordered<_> = (0..job.in_flight)
        .map(|_| async {
            let mut sender = sender.clone();
            while lap.borrow_mut().begin() {
                sender.ready().await?;
                let request = Request::get(&uri).body(Empty::<Bytes>::new())?;
                read(sender.send_request(request).await?).await?;
                lap.borrow_mut().finish();
            }
            Fallible::Ok(())
        })
        .collect();
    while let Some(lane) = lanes.next().await {
        lane?;
    }
    lap.borrow().report();
    Ok(())
}

/// Reads an answer to its end, a frame at a time, keeping nothing.
async fn read(response: Response<Incoming>) -> Fallible {
    if response.status() != 200 {
        return Err(format!("the answer is {}", response.status()).into());
    }
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}
