//! The web peer: hyper, HTTP/1.1 and HTTP/2 on one port.

use super::tally::{Counters, Endpoint, Service};
use super::{Site, tls};
use core::convert::Infallible;
use core::time::Duration;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Bytes of one piece of a paced body. chosen: four h2 frames.
const PIECE: usize = 64 * 1024;
/// Between two pieces. chosen: 1.25 MiB/s, so that a download can be watched.
const PACE: Duration = Duration::from_millis(50);
/// Bytes of `/firmware`. chosen: about three seconds.
const FIRMWARE_LEN: usize = 4 * 1024 * 1024;
/// Bytes of `/feed`. chosen: four pieces, so that several run side by side.
const FEED_LEN: usize = 256 * 1024;

pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, site: Arc<Site>) {
    loop {
        let stream = tls::accept(&listener).await;
        tokio::task::spawn_local(connection(stream, acceptor.clone(), Arc::clone(&site)));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, site: Arc<Site>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let inside = Arc::clone(&site);
    let service = service_fn(move |request| {
        let site = Arc::clone(&inside);
        async move { Ok::<_, Infallible>(answer(request, site).await) }
    });
    let io = TokioIo::new(stream);
    if is_h2 {
        site.counters().connected(Service::H2);
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ended = server.serve_connection(io, service).await;
    } else {
        site.counters().connected(Service::H1);
        let server = hyper::server::conn::http1::Builder::new();
        let _ended = server.serve_connection(io, service).await;
    }
}

async fn answer(request: Request<Incoming>, site: Arc<Site>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    match (request.method(), path.as_str()) {
        (&Method::GET, "/status") => {
            let text = r#"{"state":"ready","uptime_s":42}"#;
            json(&site, Endpoint::Status, StatusCode::OK, text.into())
        }
        (&Method::POST, "/telemetry") => swallow(request, &site, Endpoint::Telemetry).await,
        (&Method::POST, "/readings") => swallow(request, &site, Endpoint::Readings).await,
        (&Method::GET, "/firmware") => paced(site, Endpoint::Firmware, FIRMWARE_LEN),
        (&Method::GET, "/feed") => paced(site, Endpoint::Feed, FEED_LEN),
        (&Method::GET, "/busy") => busy(&site),
        _ => {
            let mut response = Response::new(Full::default().boxed_unsync());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    }
}

/// Counts a request's body and says how long it was.
async fn swallow(request: Request<Incoming>, site: &Site, endpoint: Endpoint) -> Response<Body> {
    let mut body = request.into_body();
    let mut len = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let piece = frame.data_ref().map_or(0, Bytes::len);
        len += piece;
        site.counters().received(endpoint, 0, piece);
    }
    site.counters().received(endpoint, 1, 0);
    json(site, endpoint, StatusCode::OK, format!(r#"{{"taken":{len}}}"#))
}

fn busy(site: &Site) -> Response<Body> {
    site.counters().received(Endpoint::Busy, 1, 0);
    if site.is_first() {
        let mut response = Response::new(Full::default().boxed_unsync());
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    let text = r#"{"state":"ready"}"#;
    site.counters().sent(Endpoint::Busy, 1, text.len());
    document(StatusCode::OK, text.into())
}

fn json(site: &Site, endpoint: Endpoint, status: StatusCode, text: String) -> Response<Body> {
    if endpoint == Endpoint::Status {
        site.counters().received(endpoint, 1, 0);
    }
    site.counters().sent(endpoint, 1, text.len());
    document(status, text)
}

fn document(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Full::from(text).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A body that comes in pieces, one every `PACE`.
fn paced(site: Arc<Site>, endpoint: Endpoint, len: usize) -> Response<Body> {
    site.counters().received(endpoint, 1, 0);
    let pieces = stream::unfold((site, len), move |(site, left)| async move {
        if left == 0 {
            return None;
        }
        tokio::time::sleep(PACE).await;
        let piece = left.min(PIECE);
        count_piece(site.counters(), endpoint, piece, left == piece);
        let frame = Frame::data(Bytes::from(vec![b'.'; piece]));
        Some((Ok::<_, Infallible>(frame), (site, left - piece)))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(len));
    response
}

fn count_piece(counters: &Counters, endpoint: Endpoint, piece: usize, last: bool) {
    counters.sent(endpoint, u64::from(last), piece);
}
