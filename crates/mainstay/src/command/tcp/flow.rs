//! What is sent: standard input, so many bytes, or for so long; and where what arrives goes.

use crate::command::args;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

/// What is read at once.
pub(crate) const CHUNK: usize = 64 << 10; // chosen: a pipe's size on Linux

/// Where bytes to send come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// So many are left; they say where in the whole they are.
    Pattern { sent: u64, left: u64 },
    /// Until this moment of the connection.
    Until { sent: u64, end: Duration },
    /// Standard input, read by a thread.
    Input { chunks: Receiver<Vec<u8>>, rest: Vec<u8> },
    /// What arrives is sent back.
    Echo { rest: Vec<u8>, over: bool },
}

impl Source {
    /// What the arguments ask for; `woken` is called when standard input has more.
    pub(crate) fn new(args: &args::Tcp, woken: impl Fn() + Send + 'static) -> io::Result<Self> {
        if args.echo {
            return Ok(Self::Echo { rest: Vec::new(), over: false });
        }
        if let Some(left) = args.send {
            return Ok(Self::Pattern { sent: 0, left });
        }
        if let Some(end) = args.for_time {
            return Ok(Self::Until { sent: 0, end });
        }
        let (sender, chunks) = sync_channel(4);
        let reader = std::thread::Builder::new().name("stdin".into());
        reader.spawn(move || read_input(&sender, &woken))?;
        Ok(Self::Input { chunks, rest: Vec::new() })
    }

    /// Appends at most `room` bytes that can be sent now; whether there will be none any more.
    pub(crate) fn fill(&mut self, passed: Duration, out: &mut Vec<u8>, room: usize) -> bool {
        match self {
            Self::Pattern { sent, left } => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(room);
                pattern(*sent, count, out);
                *sent += count as u64;
                *left -= count as u64;
                *left == 0
            }
            Self::Until { sent, end } => {
                if passed >= *end {
                    return true;
                }
                pattern(*sent, room, out);
                *sent += room as u64;
                false
            }
            Self::Input { chunks, rest } => {
                while rest.len() < room {
                    match chunks.try_recv() {
                        Ok(chunk) => rest.extend(chunk),
                        Err(TryRecvError::Empty) => break,
                        Err(TryRecvError::Disconnected) if rest.is_empty() => return true,
                        Err(TryRecvError::Disconnected) => break,
                    }
                }
                out.extend(rest.drain(..room.min(rest.len())));
                false
            }
            Self::Echo { rest, over } => {
                out.extend(rest.drain(..room.min(rest.len())));
                *over && rest.is_empty()
            }
        }
    }

    /// How much of what arrives can be taken now.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Echo { rest, .. } => CHUNK.saturating_sub(rest.len()),
            Self::Pattern { .. } | Self::Until { .. } | Self::Input { .. } => CHUNK,
        }
    }
}

/// Where what arrives goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sink {
    counts_only: bool,
}

impl Sink {
    pub(crate) const fn new(args: &args::Tcp) -> Self {
        Self { counts_only: args.sink }
    }

    /// Takes what arrived; `source` gets it if it echoes.
    pub(crate) fn take(self, bytes: &[u8], source: &mut Source) -> io::Result<()> {
        if let Source::Echo { rest, .. } = source {
            rest.extend_from_slice(bytes);
        } else if !self.counts_only {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()?;
        }
        Ok(())
    }

    /// Nothing more will arrive.
    pub(crate) fn end(self, source: &mut Source) {
        if let Source::Echo { over, .. } = source {
            *over = true;
        }
    }
}

/// Bytes that say where they are, so that a receiver could tell one that is missing.
fn pattern(from: u64, count: usize, out: &mut Vec<u8>) {
    out.extend((from..).take(count).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]));
}

fn read_input(sender: &SyncSender<Vec<u8>>, woken: &dyn Fn()) {
    let mut input = io::stdin().lock();
    loop {
        let mut chunk = vec![0; CHUNK];
        match input.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(len) => {
                chunk.truncate(len);
                if sender.send(chunk).is_err() {
                    return;
                }
                woken();
            }
        }
    }
}
