//! The steps of the library's state machine, for both sides, and nothing else.
//!
//! rustls hands out one state at a time, each borrowing connection and input; here every state is
//! turned into a plain value so that `session` can decide without borrows.

use core::fmt;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{CommonState, Error};

use crate::limits::{FRAGMENT_MAX, SEAL_OVERHEAD};

/// One library connection of either side.
pub(crate) enum Engine {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client(_) => "Client",
            Self::Server(_) => "Server",
        })
    }
}

/// What one step came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// Something was done; ask again.
    Again,
    /// A record of payload was decrypted where it lay.
    Plain(Plain),
    /// The peer's `close_notify` came.
    PeerFinished,
    /// Nothing more without input or a command.
    Rest,
    /// Over.
    Failed(Error),
}

/// A decrypted record's payload: how long, and its ends, by which it is recognised in the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) len: usize,
    ends: [u8; 16],
}

/// What to put on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outbound<'a> {
    Payload(&'a [u8]),
    CloseNotify,
}

impl Engine {
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Client(conn) => conn,
            Self::Server(conn) => conn,
        }
    }

    /// Handles the front of `input` once. Returns the bytes to discard from it, and what came.
    pub(crate) fn step(&mut self, input: &mut [u8], queue: &mut Vec<u8>) -> (usize, Step) {
        match self {
            Self::Client(conn) => step(conn.process_tls_records(input), queue),
            Self::Server(conn) => step(conn.process_tls_records(input), queue),
        }
    }

    /// Appends `what`, sealed, to `out`. `input` is what the session holds undecrypted. `None`
    /// when the library will seal nothing more.
    pub(crate) fn write(
        &mut self,
        what: Outbound<'_>,
        input: &mut [u8],
        out: &mut Vec<u8>,
    ) -> Option<()> {
        loop {
            let done = match self {
                Self::Client(conn) => write_step(conn.process_tls_records(input), what, out)?,
                Self::Server(conn) => write_step(conn.process_tls_records(input), what, out)?,
            };
            if done {
                return Some(());
            }
        }
    }
}

fn step<D>(status: UnbufferedStatus<'_, '_, D>, queue: &mut Vec<u8>) -> (usize, Step) {
    let UnbufferedStatus { discard, state } = status;
    let step = match state {
        Err(error) => Step::Failed(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => match traffic.next_record() {
            Some(Ok(record)) => Step::Plain(Plain::of(record.payload)),
            Some(Err(error)) => Step::Failed(error),
            None => Step::Again,
        },
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, queue);
            Step::Again
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Step::Again
        }
        Ok(ConnectionState::PeerClosed) => Step::PeerFinished,
        // Early data is never accepted, so its state does not come.
        Ok(_) => Step::Rest,
    };
    (discard, step)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's states that cannot be written in"
)]
/// `Some(true)` when `what` was written, `None` when it cannot be.
fn write_step<D>(
    status: UnbufferedStatus<'_, '_, D>,
    what: Outbound<'_>,
    out: &mut Vec<u8>,
) -> Option<bool> {
    match status.state.ok()? {
        ConnectionState::WriteTraffic(traffic) => write(traffic, what, out).map(|()| true),
        ConnectionState::EncodeTlsData(data) => {
            encode(data, out);
            Some(false)
        }
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Some(false)
        }
        _ => None,
    }
}

fn write<D>(mut traffic: WriteTraffic<'_, D>, what: Outbound<'_>, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    let mut room = match what {
        Outbound::Payload(plain) => {
            plain.len() + plain.len().div_ceil(FRAGMENT_MAX) * SEAL_OVERHEAD
        }
        Outbound::CloseNotify => 2 + SEAL_OVERHEAD,
    };
    // Twice at most: the second time with what the library asked for (a key update goes first).
    for _ in 0..2 {
        out.resize(start + room, 0);
        let space = out.get_mut(start..).unwrap_or_default();
        let written = match what {
            Outbound::Payload(plain) => traffic.encrypt(plain, space),
            Outbound::CloseNotify => traffic.queue_close_notify(space),
        };
        match written {
            Ok(len) => {
                out.truncate(start + len);
                return Some(());
            }
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size })) => {
                room = required_size;
            }
            Err(EncryptError::EncryptExhausted) => break,
        }
    }
    out.truncate(start);
    None
}

fn encode<D>(mut data: EncodeTlsData<'_, D>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut room = 0;
    for _ in 0..2 {
        out.resize(start + room, 0);
        match data.encode(out.get_mut(start..).unwrap_or_default()) {
            Ok(len) => return out.truncate(start + len),
            Err(EncodeError::InsufficientSize(why)) => room = why.required_size,
            Err(EncodeError::AlreadyEncoded) => return out.truncate(start),
        }
    }
}

impl Plain {
    fn of(payload: &[u8]) -> Self {
        Self { len: payload.len(), ends: ends(payload) }
    }

    /// Whether `bytes` is this payload, by length and ends.
    ///
    /// Why not by every byte: the library lends the payload only together with the whole input,
    /// so it would have to be copied to be compared.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() == self.len && ends(bytes) == self.ends
    }
}

/// The first and the last eight bytes; of less, what there is.
fn ends(bytes: &[u8]) -> [u8; 16] {
    let mut ends = [0; 16];
    for (to, from) in ends.iter_mut().zip(bytes.iter().take(8)) {
        *to = *from;
    }
    for (to, from) in ends.iter_mut().rev().zip(bytes.iter().rev().take(8)) {
        *to = *from;
    }
    ends
}
