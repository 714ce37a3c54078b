//! The kernel's end: a plain blocking socket.

use super::gauge::Gauge;
use super::{CHUNK, End, FAR, LOOK, PORT};
use crate::Fallible;
use core::net::SocketAddr;
use core::time::Duration;
use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_send_buffer_size, set_tcp_congestion,
};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept, bind, connect, listen, socket_with,
};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

/// How long a connection may take to open.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(end: &End) -> Fallible<Gauge> {
    let stream = open(end)?;
    let mut gauge = Gauge::new(end.window);
    gauge.open();
    if end.sends {
        send(&stream, &mut gauge)?;
    } else {
        take(&stream, &mut gauge)?;
    }
    Ok(gauge)
}

/// Options first: what a socket offers is decided when it is opened. The kernel doubles the sizes of buffers, for what it
/// keeps beside the bytes.
fn open(end: &End) -> Fallible<TcpStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_socket_send_buffer_size(&socket, end.buffer)?;
    set_socket_recv_buffer_size(&socket, end.buffer)?;
    if end.sends {
        set_tcp_congestion(&socket, &end.congestion)?;
    }
    if !end.listens {
        let started = Instant::now();
        // The far end may not be there yet.
        while let Err(error) = connect(&socket, &SocketAddr::from((FAR, PORT))) {
            if started.elapsed() > PATIENCE {
                return Err(error.into());
            }
            std::thread::sleep(LOOK);
        }
        return Ok(socket.into());
    }
    bind(&socket, &SocketAddr::from((FAR, PORT)))?;
    listen(&socket, 1)?;
    println!("ready");
    Ok(accept(&socket)?.into())
}

fn send(mut stream: &TcpStream, gauge: &mut Gauge) -> Fallible {
    stream.set_write_timeout(Some(LOOK))?;
    let bytes = vec![0; CHUNK];
    let mut more = true;
    while more {
        more = match stream.write(&bytes) {
            Ok(len) => gauge.add(len),
            Err(error) if is_wait(error.kind()) => gauge.add(0),
            // The taker has seen enough.
            Err(_) => return Ok(()),
        };
    }
    Ok(())
}

fn take(mut stream: &TcpStream, gauge: &mut Gauge) -> Fallible {
    stream.set_read_timeout(Some(LOOK))?;
    let mut bytes = vec![0; CHUNK];
    let mut more = true;
    while more {
        more = match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(len) => gauge.add(len),
            Err(error) if is_wait(error.kind()) => gauge.add(0),
            Err(error) => return Err(error.into()),
        };
    }
    Ok(())
}

fn is_wait(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
