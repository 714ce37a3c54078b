//! HTTP servers by hyper: every request gets the same 64 bytes.

use super::Bytes;
use crate::scenario::PAYLOAD;
use core::convert::Infallible;
use http_body_util::Full;
use hyper::body::{Bytes as Body, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

type Answer = Result<Response<Full<Body>>, Infallible>;

async fn answer(_request: Request<Incoming>) -> Answer {
    Ok(Response::new(Full::new(Body::from_static(&PAYLOAD))))
}

pub(super) async fn one(io: Box<dyn Bytes>) {
    let server = hyper::server::conn::http1::Builder::new();
    let _over = server.serve_connection(TokioIo::new(io), service_fn(answer)).await;
}

pub(super) async fn two(io: Box<dyn Bytes>) {
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _over = server.serve_connection(TokioIo::new(io), service_fn(answer)).await;
}
