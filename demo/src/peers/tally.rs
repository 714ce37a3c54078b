//! What the peers saw: messages and payload bytes by endpoint, connections by service.

use core::sync::atomic::{AtomicU64, Ordering};

/// A place where payload goes in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET /status`.
    Status,
    /// `POST /telemetry`.
    Telemetry,
    /// `GET /firmware`.
    Firmware,
    /// `GET /busy`.
    Busy,
    /// `GET /feed`.
    Feed,
    /// `POST /readings`.
    Readings,
    /// WebSocket `/echo`.
    Echo,
    /// WebSocket `/ticker`.
    Ticker,
    /// MQTT publishes of clients.
    Published,
    /// MQTT messages delivered to clients.
    Delivered,
}

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// HTTP/1.1, over TLS.
    H1,
    /// HTTP/2, over TLS.
    H2,
    /// WebSocket, with or without TLS.
    Ws,
    /// MQTT.
    Mqtt,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 4] = [Self::H1, Self::H2, Self::Ws, Self::Mqtt];
}

/// The figures of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests or messages received whole.
    pub messages_in: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Responses or messages sent.
    pub messages_out: u64,
    /// Payload bytes handed to the library to send.
    pub bytes_out: u64,
}

/// All figures; any thread may read them.
#[derive(Debug, Default)]
pub struct Counters {
    cells: [Cell; 10],
    connections: [AtomicU64; 4],
}

#[derive(Debug, Default)]
struct Cell {
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
}

impl Counters {
    /// The figures of one endpoint now.
    #[must_use]
    pub fn of(&self, endpoint: Endpoint) -> Tally {
        let cell = &self.cells[endpoint as usize];
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            messages_in: read(&cell.messages_in),
            bytes_in: read(&cell.bytes_in),
            messages_out: read(&cell.messages_out),
            bytes_out: read(&cell.bytes_out),
        }
    }

    /// How many connections a service accepted.
    #[must_use]
    pub fn connections(&self, service: Service) -> u64 {
        self.connections[service as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn connected(&self, service: Service) {
        self.connections[service as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, endpoint: Endpoint, messages: u64, bytes: usize) {
        let cell = &self.cells[endpoint as usize];
        cell.messages_in.fetch_add(messages, Ordering::Relaxed);
        cell.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, endpoint: Endpoint, messages: u64, bytes: usize) {
        let cell = &self.cells[endpoint as usize];
        cell.messages_out.fetch_add(messages, Ordering::Relaxed);
        cell.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
