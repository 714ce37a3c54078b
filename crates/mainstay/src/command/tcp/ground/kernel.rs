//! On the system's sockets.

use super::{Ground, Input, Place};
use crate::command::args::{self, Role};
use crate::command::exit::{Exit, Failure};
use crate::command::tcp::kernel::{LOOK, failure, unless_blocked};
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

/// See the module.
#[derive(Debug)]
pub(crate) struct Kernel {
    address: SocketAddr,
    listener: Option<TcpListener>,
    streams: Vec<Option<TcpStream>>,
    start: Instant,
}

impl Kernel {
    pub(crate) fn new(args: &args::Tcp) -> Result<Self, Failure> {
        let listener = match args.role {
            Role::Connect => None,
            Role::Listen => {
                let listener = TcpListener::bind(args.address);
                let listener = listener.map_err(|error| failure(args.address, &error))?;
                listener.set_nonblocking(true)?;
                Some(listener)
            }
        };
        #[expect(clippy::disallowed_methods, reason = "connections of its own, beside any device")]
        let start = Instant::now();
        Ok(Self { address: args.address, listener, streams: Vec::new(), start })
    }

    fn add(&mut self, stream: TcpStream) -> Result<Place, Failure> {
        stream.set_nonblocking(true)?;
        self.streams.push(Some(stream));
        Ok(self.streams.len() - 1)
    }

    fn at(&self, place: Place) -> Result<&TcpStream, Failure> {
        let stream = self.streams.get(place).and_then(Option::as_ref);
        stream.ok_or_else(|| Failure::new(Exit::Other, "a connection that is gone".to_owned()))
    }
}

impl Ground for Kernel {
    fn connect(&mut self) -> Result<Place, Failure> {
        let stream = TcpStream::connect(self.address);
        let stream = stream.map_err(|error| failure(self.address, &error))?;
        self.add(stream)
    }

    fn accept(&mut self) -> Result<Option<Place>, Failure> {
        let Some(listener) = &self.listener else { return Ok(None) };
        match unless_blocked(listener.accept())? {
            Some((stream, _)) => self.add(stream).map(Some),
            None => Ok(None),
        }
    }

    fn read(&mut self, place: Place, space: &mut [u8]) -> Result<Input, Failure> {
        let result = unless_blocked(self.at(place)?.read(space));
        Ok(match result.map_err(|error| failure(self.address, &error))? {
            Some(0) if !space.is_empty() => Input::End,
            Some(len) => Input::Bytes(len),
            None => Input::Nothing,
        })
    }

    fn write(&mut self, place: Place, bytes: &[u8]) -> Result<usize, Failure> {
        let result = unless_blocked(self.at(place)?.write(bytes));
        Ok(result.map_err(|error| failure(self.address, &error))?.unwrap_or(0))
    }

    fn unacknowledged(&self, _place: Place) -> usize {
        0
    }

    fn resent(&self, _place: Place) -> Option<u32> {
        None
    }

    fn known(&self, _place: Place) -> String {
        String::new()
    }

    fn stop_listening(&mut self) {
        self.listener = None;
    }

    fn drop(&mut self, place: Place) {
        if let Some(stream) = self.streams.get_mut(place) {
            *stream = None;
        }
    }

    fn turn(&mut self, busy: bool) -> Result<(), Failure> {
        if !busy {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn passed(&self) -> Duration {
        self.start.elapsed()
    }

    fn conclude(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
