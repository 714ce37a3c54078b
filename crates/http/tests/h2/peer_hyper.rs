//! Against hyper's HTTP/2 server, polled by hand over an in-memory pipe.

use crate::world::{Log, NOW, feed, get, post};
use core::cell::RefCell;
use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mainstay_http::Body;
use mainstay_http::h2::{Client, Config};
use std::rc::Rc;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Holds what hyper spawns until the test polls it.
#[derive(Clone, Default)]
struct Tasks(Rc<RefCell<Vec<Task>>>);

impl<F: Future + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.0.borrow_mut().push(Box::pin(async move {
            let _output = future.await;
        }));
    }
}

impl Tasks {
    fn poll_all(&self) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut running = core::mem::take(&mut *self.0.borrow_mut());
        running.retain_mut(|task| task.as_mut().poll(&mut cx).is_pending());
        self.0.borrow_mut().extend(running);
    }
}

async fn echo(
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let mut body = request.into_body().collect().await.unwrap().to_bytes();
    if body.is_empty() {
        body = Bytes::from(path.repeat(20_000));
    }
    Ok(hyper::Response::new(Full::new(body)))
}

struct Side {
    tasks: Tasks,
    io: DuplexStream,
}

impl Side {
    fn new() -> Self {
        let (io, theirs) = tokio::io::duplex(1 << 20);
        let tasks = Tasks::default();
        let server = hyper::server::conn::http2::Builder::new(tasks.clone());
        let connection = server.serve_connection(TokioIo::new(theirs), service_fn(echo));
        hyper::rt::Executor::execute(&tasks, connection);
        Self { tasks, io }
    }

    fn exchange(&mut self, client: &mut Client, log: &mut Log) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut out = Vec::new();
        client.poll_transmit(NOW, &mut out, 65_536);
        if !out.is_empty() {
            let written = Pin::new(&mut self.io).poll_write(&mut cx, &out);
            assert!(matches!(written, Poll::Ready(Ok(len)) if len == out.len()));
        }
        for _ in 0..4 {
            self.tasks.poll_all();
        }
        let mut space = [0; 65_536];
        let mut read = ReadBuf::new(&mut space);
        if let Poll::Ready(result) = Pin::new(&mut self.io).poll_read(&mut cx, &mut read) {
            result.unwrap();
            feed(read.filled_mut(), |bytes| client.handle_input(NOW, bytes));
        }
        log.drain(client);
    }
}

#[test]
fn hyper_answers_many_streams_and_gets_every_body() {
    let mut client = Client::new(NOW, Config::default());
    let mut side = Side::new();
    let mut log = Log::default();
    for id in 0..8 {
        client.open(NOW, id, &get(&format!("/{id}"))).unwrap();
    }
    let mut rest: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let whole = rest.clone();
    client.open(NOW, 8, &post(Body::Sized(200_000))).unwrap();
    for _ in 0..2000 {
        let sent = client.send(NOW, 8, &rest);
        rest.drain(..sent);
        side.exchange(&mut client, &mut log);
    }
    assert!(rest.is_empty());
    for id in 0..8 {
        assert!(log.has(&format!("head {id} 200")));
        assert_eq!(log.body(id), format!("/{id}").repeat(20_000).as_bytes());
        assert!(log.has(&format!("complete {id}")));
    }
    assert_eq!(log.body(8), whole);
    assert!(client.is_open_for_streams());
}
