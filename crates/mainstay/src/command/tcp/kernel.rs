//! Over the system's sockets: one thread sends, this one receives.

use super::flow::{CHUNK, Sink, Source};
use super::report::Report;
use crate::command::args::{self, Role};
use crate::command::exit::{Exit, Failure};
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Instant;

/// Between two looks for something to do when there is nothing. chosen: no wait is noticed, no processor is kept busy
pub(super) const LOOK: Duration = Duration::from_millis(1);

pub(crate) fn run(args: &args::Tcp) -> Result<(), Failure> {
    let stream = open(args).map_err(|error| failure(args.address, &error))?;
    let peer = stream.peer_addr()?;
    stream.set_nonblocking(true)?;
    let source = Source::new(args, || {})?;
    exchange(args, &stream, source).map_err(|error| failure(peer, &error))
}

fn open(args: &args::Tcp) -> io::Result<TcpStream> {
    match args.role {
        Role::Connect => TcpStream::connect(args.address),
        Role::Listen => TcpListener::bind(args.address)?.accept().map(|(stream, _)| stream),
    }
}

fn exchange(args: &args::Tcp, mut stream: &TcpStream, mut source: Source) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a connection of its own, beside any device")]
    let start = Instant::now();
    let (sink, mut report) = (Sink::new(args), Report::new(args.quiet));
    let (mut out, mut at) = (Vec::new(), 0);
    let (mut last, mut finished, mut over) = (false, false, false);
    let mut buffer = vec![0; CHUNK];
    while !(finished && over) {
        let mut busy = false;
        if at == out.len() && !last {
            at = 0;
            out.clear();
            last = source.fill(start.elapsed(), &mut out, CHUNK);
        }
        if let Some(rest) = out.get(at..).filter(|rest| !rest.is_empty()) {
            let count = unless_blocked(stream.write(rest))?.unwrap_or(0);
            (at, report.sent, busy) = (at + count, report.sent + count as u64, count > 0);
        } else if last && !finished {
            stream.shutdown(Shutdown::Write)?;
            finished = true;
        }
        let room = source.room().min(buffer.len());
        let space = buffer.get_mut(..room).unwrap_or_default();
        if !over && room > 0 {
            match unless_blocked(stream.read(space))? {
                Some(0) => {
                    over = true;
                    sink.end(&mut source);
                }
                Some(len) => {
                    busy = true;
                    report.received += len as u64;
                    sink.take(space.get(..len).unwrap_or_default(), &mut source)?;
                }
                None => {}
            }
        }
        report.tell(start.elapsed(), String::new);
        if !busy {
            std::thread::sleep(LOOK);
        }
    }
    report.end(start.elapsed(), "");
    Ok(())
}

/// `None` where the socket would have to be waited for.
pub(super) fn unless_blocked<R>(result: io::Result<R>) -> io::Result<Option<R>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn failure(address: SocketAddr, error: &io::Error) -> Failure {
    let kind = error.kind();
    let is = |kinds: &[io::ErrorKind]| kinds.contains(&kind);
    let code = if is(&[io::ErrorKind::ConnectionRefused, io::ErrorKind::ConnectionReset]) {
        Exit::Refused
    } else if is(&[io::ErrorKind::HostUnreachable, io::ErrorKind::NetworkUnreachable]) {
        Exit::Unreachable
    } else if kind == io::ErrorKind::TimedOut {
        Exit::Timeout
    } else {
        Exit::Other
    };
    Failure::new(code, format!("{address}: {error}"))
}
