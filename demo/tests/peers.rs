//! The demo's peers do what their table says, judged by clients that are not ours.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::time::Duration;
use demo::peers::{Certificates, Endpoint, Peers, Ports, Service};
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::Message;

fn run<F: Future>(work: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(20), work).await.expect("within 20 s")
    })
}

async fn tls(peers: &Peers, port: u16, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from(peers.certificates().authority.clone())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

fn request(method: &str, path: &str, body: &[u8]) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(format!("https://localhost{path}"))
        .header("host", "localhost")
        .body(Full::from(body.to_vec()))
        .unwrap()
}

async fn text(response: Response<hyper::body::Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn http_1_answers_status_counts_bodies_and_is_busy_only_once() {
    let peers = Peers::start().unwrap();
    run(async {
        let stream = tls(&peers, peers.ports().web, &[b"http/1.1"]).await;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let status = client.send_request(request("GET", "/status", b"")).await.unwrap();
        assert_eq!(status.status(), StatusCode::OK);
        assert!(text(status).await.contains("ready"));
        let posted = client.send_request(request("POST", "/telemetry", &[7; 1000])).await.unwrap();
        assert_eq!(text(posted).await, r#"{"taken":1000}"#);
        let busy = client.send_request(request("GET", "/busy", b"")).await.unwrap();
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(busy.headers()["retry-after"], "1");
        text(busy).await;
        let again = client.send_request(request("GET", "/busy", b"")).await.unwrap();
        assert_eq!(again.status(), StatusCode::OK);
        text(again).await;
        let unknown = client.send_request(request("GET", "/nothing", b"")).await.unwrap();
        assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
        drop(client);
        driver.abort();
    });
    let telemetry = peers.counters().of(Endpoint::Telemetry);
    assert_eq!((telemetry.messages_in, telemetry.bytes_in), (1, 1000));
    assert_eq!(peers.counters().of(Endpoint::Busy).messages_in, 2);
    assert_eq!(peers.counters().of(Endpoint::Status).messages_out, 1);
    assert_eq!(peers.counters().connections(Service::H1), 1);
}

#[test]
fn http_2_serves_several_feeds_side_by_side_on_one_connection() {
    let peers = Peers::start().unwrap();
    run(async {
        let stream = tls(&peers, peers.ports().web, &[b"h2", b"http/1.1"]).await;
        let (client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        let driver = tokio::spawn(connection);
        let fetch = |path: &'static str| {
            let mut client = client.clone();
            async move { text(client.send_request(request("GET", path, b"")).await.unwrap()).await }
        };
        let (one, two) = tokio::join!(fetch("/feed"), fetch("/feed"));
        assert_eq!((one.len(), two.len()), (256 * 1024, 256 * 1024));
        let mut client = client.clone();
        let posted = client.send_request(request("POST", "/readings", b"12345")).await.unwrap();
        assert_eq!(text(posted).await, r#"{"taken":5}"#);
        driver.abort();
    });
    let feed = peers.counters().of(Endpoint::Feed);
    assert_eq!((feed.messages_in, feed.messages_out, feed.bytes_out), (2, 2, 512 * 1024));
    assert_eq!(peers.counters().of(Endpoint::Readings).bytes_in, 5);
    assert_eq!(peers.counters().connections(Service::H2), 1);
}

#[test]
fn a_download_is_complete_and_announced() {
    let peers = Peers::start().unwrap();
    run(async {
        let stream = tls(&peers, peers.ports().web, &[b"http/1.1"]).await;
        let (mut client, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let response = client.send_request(request("GET", "/firmware", b"")).await.unwrap();
        assert_eq!(response.headers()["content-length"], "4194304");
        assert_eq!(text(response).await.len(), 4 << 20);
        driver.abort();
    });
    assert_eq!(peers.counters().of(Endpoint::Firmware).bytes_out, 4 << 20);
}

#[test]
fn websockets_echo_and_tick_and_refuse_other_paths() {
    let peers = Peers::start().unwrap();
    run(async {
        let stream = tls(&peers, peers.ports().wss, &[b"http/1.1"]).await;
        let (mut echo, _) =
            tokio_tungstenite::client_async("wss://localhost/echo", stream).await.unwrap();
        echo.send(Message::text("hello")).await.unwrap();
        assert_eq!(echo.next().await.unwrap().unwrap(), Message::text("hello"));
        echo.send(Message::binary(vec![9; 70_000])).await.unwrap();
        assert_eq!(echo.next().await.unwrap().unwrap().len(), 70_000);
        echo.close(None).await.unwrap();
        assert!(matches!(echo.next().await, Some(Ok(Message::Close(_)))), "close handshake");

        let plain = |path: &'static str| {
            let port = peers.ports().ws;
            async move {
                let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio_tungstenite::client_async(format!("ws://localhost{path}"), stream).await
            }
        };
        let (mut ticker, _) = plain("/ticker").await.unwrap();
        assert_eq!(ticker.next().await.unwrap().unwrap(), Message::text(r#"{"tick":1}"#));
        assert!(plain("/nothing").await.is_err());
        peers.hush();
    });
    let echo = peers.counters().of(Endpoint::Echo);
    assert_eq!((echo.messages_in, echo.messages_out, echo.bytes_in), (2, 2, 70_005));
    assert_eq!(peers.counters().connections(Service::Ws), 2);
}

/// Reads one MQTT packet with a length below 128: its first byte and the rest.
async fn packet(stream: &mut TlsStream<TcpStream>) -> (u8, Vec<u8>) {
    let first = stream.read_u8().await.unwrap();
    let len = stream.read_u8().await.unwrap();
    let mut rest = vec![0; usize::from(len)];
    stream.read_exact(&mut rest).await.unwrap();
    (first, rest)
}

#[test]
fn mqtt_acknowledges_retains_delivers_and_commands() {
    let peers = Peers::start().unwrap();
    run(async {
        let mut stream = tls(&peers, peers.ports().mqtt, &[b"x-amzn-mqtt-ca"]).await;
        let connect = b"\x10\x0e\0\x04MQTT\x04\x02\0\x3c\0\x02me";
        stream.write_all(connect).await.unwrap();
        assert_eq!(packet(&mut stream).await, (0x20, vec![0, 0]), "CONNACK");
        // PUBLISH, retained, QoS 1, topic "a/b", id 1, payload "up".
        stream.write_all(b"\x33\x09\0\x03a/b\0\x01up").await.unwrap();
        assert_eq!(packet(&mut stream).await, (0x40, vec![0, 1]), "PUBACK");
        // SUBSCRIBE id 2, "a/+" QoS 0 and "demo/commands" QoS 1.
        stream.write_all(b"\x82\x18\0\x02\0\x03a/+\0\0\x0ddemo/commands\x01").await.unwrap();
        assert_eq!(packet(&mut stream).await, (0x90, vec![0, 2, 0, 1]), "SUBACK");
        let (first, retained) = packet(&mut stream).await;
        assert_eq!((first, retained.as_slice()), (0x31, b"\0\x03a/bup".as_slice()));
        let (first, command) = packet(&mut stream).await;
        assert_eq!(first & 0xf6, 0x32, "a command, QoS 1");
        assert!(command.windows(7).any(|w| w == b"command"));
        stream.write_all(b"\xc0\0").await.unwrap();
        while packet(&mut stream).await.0 != 0xd0 {}
        stream.write_all(b"\xe0\0").await.unwrap();
    });
    let published = peers.counters().of(Endpoint::Published);
    assert_eq!((published.messages_in, published.bytes_in), (1, 2));
    assert!(peers.counters().of(Endpoint::Delivered).messages_out >= 2);
}

#[test]
fn peers_come_back_on_the_same_ports_with_the_same_certificates() {
    let first = Peers::start().unwrap();
    let (ports, certificates) = (first.ports(), first.certificates().clone());
    drop(first);
    let again = Peers::start_on(ports, certificates).unwrap();
    assert_eq!(again.ports(), ports);
    run(async { drop(tls(&again, ports.web, &[b"h2"]).await) });
    let taken = Peers::start_on(ports, Certificates::new().unwrap());
    assert!(taken.is_err(), "a taken port is told");
    assert_ne!(Ports::default(), ports);
}
