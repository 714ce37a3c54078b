//! Servers from other people's libraries, in this process, on one thread of their own.
//!
//! hyper speaks HTTP/1.1 and HTTP/2, tungstenite WebSocket, mqtt-protocol-core MQTT 3.1.1, all over
//! rustls; certificates are made by rcgen at start. Everything listens on 127.0.0.1 and counts what
//! passes, so that the other side's figures can be compared with these.
//!
//! | where | what |
//! |---|---|
//! | web `GET /status` | a short JSON document |
//! | web `POST /telemetry`, `POST /readings` | counts the body, answers 200 with its length |
//! | web `GET /firmware` | 4 MiB at about 1.3 MiB/s |
//! | web `GET /busy` | 503 with `Retry-After: 1` the first time, then 200 |
//! | web `GET /feed` | 256 KiB at about 1 MiB/s |
//! | ws `/echo` | every message comes back |
//! | ws `/ticker` | a text message four times a second |
//! | mqtt | QoS 0 and 1, retained messages; a command to `demo/commands` every second |

mod broker;
mod certificates;
mod https;
mod mqtt;
mod tally;
mod tls;
mod ws;

use core::net::Ipv4Addr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

pub use certificates::Certificates;
pub use tally::{Counters, Endpoint, Service, Tally};

/// The ports, each 0 for any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// HTTP/1.1 and HTTP/2 over TLS; ALPN decides.
    pub web: u16,
    /// WebSocket over TLS.
    pub wss: u16,
    /// WebSocket without TLS.
    pub ws: u16,
    /// MQTT over TLS.
    pub mqtt: u16,
}

/// The running peers; dropping stops them at once, as a crash would.
#[derive(Debug)]
pub struct Peers {
    ports: Ports,
    site: Arc<Site>,
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
}

/// What every server of one run shares.
#[derive(Debug)]
pub(crate) struct Site {
    certificates: Certificates,
    counters: Counters,
    hushed: AtomicBool,
    was_busy: AtomicBool,
}

impl Peers {
    /// Starts all peers on free ports with new certificates; they listen when this returns.
    ///
    /// # Errors
    /// When the system gives no thread or port.
    pub fn start() -> io::Result<Self> {
        Self::start_on(Ports::default(), Certificates::new()?)
    }

    /// Starts all peers on given ports, as a restarted server would.
    ///
    /// # Errors
    /// When the system gives no thread, or a port is taken.
    pub fn start_on(ports: Ports, certificates: Certificates) -> io::Result<Self> {
        let site = Arc::new(Site {
            certificates,
            counters: Counters::default(),
            hushed: AtomicBool::new(false),
            was_busy: AtomicBool::new(false),
        });
        let (stop, stopped) = watch::channel(false);
        let (ready, told) = oneshot::channel();
        let inside = Arc::clone(&site);
        let thread = std::thread::Builder::new().name("peers".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            match runtime {
                Ok(runtime) => {
                    let local = tokio::task::LocalSet::new();
                    local.block_on(&runtime, serve(inside, ports, ready, stopped));
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        })?;
        let ended = |_| Err(io::Error::other("the peers' thread ended before it was ready"));
        let ports = told.blocking_recv().unwrap_or_else(ended)?;
        Ok(Self { ports, site, stop: Some(stop), thread: Some(thread) })
    }

    /// Where they listen.
    #[must_use]
    pub const fn ports(&self) -> Ports {
        self.ports
    }

    /// The authority that signed the servers' certificate, and that certificate.
    #[must_use]
    pub fn certificates(&self) -> &Certificates {
        &self.site.certificates
    }

    /// What passed so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.site.counters
    }

    /// From now on nothing is sent but answers: no ticks, no commands.
    pub fn hush(&self) {
        self.site.hushed.store(true, Ordering::Relaxed);
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Site {
    pub(crate) fn is_hushed(&self) -> bool {
        self.hushed.load(Ordering::Relaxed)
    }

    /// Whether this is the first time somebody asks.
    pub(crate) fn is_first(&self) -> bool {
        !self.was_busy.swap(true, Ordering::Relaxed)
    }

    pub(crate) const fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// Binds everything, says where, and serves until told to stop.
async fn serve(
    site: Arc<Site>,
    ports: Ports,
    ready: oneshot::Sender<io::Result<Ports>>,
    mut stopped: watch::Receiver<bool>,
) {
    let bound = match bind(&site, ports).await {
        Ok(bound) => bound,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let [web, wss, ws, mqtt] = bound.listeners;
    tokio::task::spawn_local(https::serve(web, bound.web, Arc::clone(&site)));
    tokio::task::spawn_local(ws::serve(wss, Some(bound.ws), Arc::clone(&site)));
    tokio::task::spawn_local(ws::serve(ws, None, Arc::clone(&site)));
    tokio::task::spawn_local(mqtt::serve(mqtt, bound.mqtt, site));
    if ready.send(Ok(bound.ports)).is_err() {
        return;
    }
    // The sender is dropped, never used: `changed` then fails.
    while stopped.changed().await.is_ok() {}
}

struct Bound {
    listeners: [TcpListener; 4],
    ports: Ports,
    web: tokio_rustls::TlsAcceptor,
    ws: tokio_rustls::TlsAcceptor,
    mqtt: tokio_rustls::TlsAcceptor,
}

async fn bind(site: &Site, wanted: Ports) -> io::Result<Bound> {
    let on = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let web = on(wanted.web).await?;
    let wss = on(wanted.wss).await?;
    let ws = on(wanted.ws).await?;
    let mqtt = on(wanted.mqtt).await?;
    let ports = Ports {
        web: web.local_addr()?.port(),
        wss: wss.local_addr()?.port(),
        ws: ws.local_addr()?.port(),
        mqtt: mqtt.local_addr()?.port(),
    };
    let certificates = &site.certificates;
    Ok(Bound {
        listeners: [web, wss, ws, mqtt],
        ports,
        web: tls::acceptor(certificates, &[b"h2", b"http/1.1"])?,
        ws: tls::acceptor(certificates, &[b"http/1.1"])?,
        mqtt: tls::acceptor(certificates, &[])?,
    })
}
