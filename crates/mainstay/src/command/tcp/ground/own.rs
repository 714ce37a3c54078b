//! On our own stack.

use super::{Ground, Input, Place};
use crate::command::args::{self, Role};
use crate::command::exit::{Exit, Failure};
use crate::command::link;
use crate::command::tcp::own::{LOOK, UNREACHABLE, connect, known, refused, tell_unthreaded, turn};
use crate::command::tcp::trace::Trace;
use core::slice;
use core::time::Duration;
use mainstay_host::own::{Pump, WireKind, WireOptions};
use mainstay_net::network::{Config, Event};
use mainstay_tcp::{Disconnected, Endpoint, Handle, ListenerHandle, Push, Soft, State, TcpError};

/// How long what was sent last may take to arrive. chosen: as the command's streams have
const LINGER: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    args: &'a args::Tcp,
    link: WireOptions,
    pump: Pump,
    trace: Trace,
    listener: Option<ListenerHandle>,
    connections: Vec<Connection>,
}

#[derive(Clone, Copy, Debug)]
struct Connection {
    handle: Handle,
    ended: Option<Disconnected>,
    /// It could not begin, since nobody is there.
    unreachable: bool,
}

impl<'a> Own<'a> {
    pub(crate) fn new(
        args: &'a args::Tcp,
        config: Config,
        link: WireOptions,
    ) -> Result<Self, Failure> {
        let bare = link.kind == WireKind::Tun;
        let mut pump = Pump::open(config, slice::from_ref(&link))
            .map_err(|error| link::failure(&link, &error))?;
        tell_unthreaded(args, &pump);
        let listener = match args.role {
            Role::Connect => None,
            Role::Listen => {
                let opened = pump.network_mut().listen(args.address);
                Some(opened.map_err(|error| refused(args, error))?)
            }
        };
        let trace = Trace::new(args, bare)?;
        Ok(Self { args, link, pump, trace, listener, connections: Vec::new() })
    }

    fn add(&mut self, handle: Handle) -> Place {
        self.connections.push(Connection { handle, ended: None, unreachable: false });
        self.connections.len() - 1
    }

    fn handle(&self, place: Place) -> Option<Handle> {
        self.connections.get(place).map(|connection| connection.handle)
    }

    fn endpoint(&self, place: Place) -> Option<&Endpoint<mainstay_net::network::Own>> {
        self.pump.network().engine().endpoint(self.handle(place)?)
    }

    fn note_events(&mut self) {
        let now = self.pump.now();
        while let Some(event) = self.pump.network_mut().poll_event(now) {
            let Event::Tcp(handle, event) = event else { continue };
            let state = self.pump.network().engine().endpoint(handle).map(Endpoint::state);
            let Some(of) = self.connections.iter_mut().find(|of| of.handle == handle) else {
                continue;
            };
            let nobody = event == mainstay_tcp::Event::Error(Soft::Unreachable);
            of.unreachable |= nobody && state == Some(State::SynSent);
            if let mainstay_tcp::Event::Disconnected(reason) = event
                && reason != Disconnected::TimeWait
            {
                of.ended = Some(reason);
            }
        }
    }

    /// Why a connection is no more.
    fn end(&self, place: Place) -> Failure {
        let connection = self.connections.get(place);
        let ended = connection.and_then(|connection| connection.ended);
        let (code, words) = match ended {
            _ if connection.is_some_and(|connection| connection.unreachable) => {
                (Exit::Unreachable, UNREACHABLE)
            }
            Some(Disconnected::Refused) => (Exit::Refused, "refused"),
            Some(Disconnected::TimedOut) => (Exit::Timeout, "nobody answers"),
            _ => (Exit::Refused, "the peer ended the connection at once"),
        };
        Failure::new(code, format!("{}: {words}", self.args.address))
    }

    fn turn_for(&mut self, wait: Duration) -> Result<(), Failure> {
        turn(&self.link, &mut self.pump, &mut self.trace, wait)?;
        self.note_events();
        Ok(())
    }
}

impl Ground for Own<'_> {
    fn connect(&mut self) -> Result<Place, Failure> {
        let handle = connect(self.args, &self.link, &mut self.pump, &mut self.trace)?;
        Ok(self.add(handle))
    }

    fn accept(&mut self) -> Result<Option<Place>, Failure> {
        let Some(listener) = self.listener else { return Ok(None) };
        let handle = self.pump.network_mut().accept(listener, 0);
        Ok(handle.map(|handle| self.add(handle)))
    }

    fn read(&mut self, place: Place, space: &mut [u8]) -> Result<Input, Failure> {
        let now = self.pump.now();
        let Some(handle) = self.handle(place) else { return Err(self.end(place)) };
        let Some(mut live) = self.pump.network_mut().at(now, handle) else {
            return Err(self.end(place));
        };
        let len = live.read(space).unwrap_or(0);
        if len > 0 || space.is_empty() {
            return Ok(Input::Bytes(len));
        }
        if live.endpoint().is_some_and(Endpoint::is_end_of_stream) {
            return Ok(Input::End);
        }
        let Some(connection) = self.connections.get(place) else { return Ok(Input::Nothing) };
        match connection.ended {
            None if !connection.unreachable => Ok(Input::Nothing),
            Some(Disconnected::Normal) => Ok(Input::End),
            None | Some(_) => Err(self.end(place)),
        }
    }

    fn write(&mut self, place: Place, bytes: &[u8]) -> Result<usize, Failure> {
        let now = self.pump.now();
        let Some(handle) = self.handle(place) else { return Err(self.end(place)) };
        let Some(mut live) = self.pump.network_mut().at(now, handle) else {
            return Err(self.end(place));
        };
        let opening = |state: State| matches!(state, State::SynSent | State::SynReceived);
        if live.endpoint().is_some_and(|endpoint| opening(endpoint.state())) {
            return Ok(0);
        }
        match live.write(bytes, Push::Now) {
            Ok(count) => Ok(count),
            Err(TcpError::NotOpen) => Err(self.end(place)),
            Err(error) => Err(refused(self.args, error)),
        }
    }

    fn unacknowledged(&self, place: Place) -> usize {
        self.endpoint(place).map_or(0, |endpoint| endpoint.facts().queued)
    }

    fn resent(&self, place: Place) -> Option<u32> {
        self.endpoint(place).map(|endpoint| endpoint.facts().resent)
    }

    fn known(&self, place: Place) -> String {
        self.endpoint(place).map(|endpoint| known(&endpoint.facts())).unwrap_or_default()
    }

    fn stop_listening(&mut self) {
        let now = self.pump.now();
        if let Some(listener) = self.listener.take() {
            self.pump.network_mut().stop(now, listener);
        }
    }

    fn drop(&mut self, place: Place) {
        let now = self.pump.now();
        if let Some(handle) = self.handle(place)
            && let Some(mut live) = self.pump.network_mut().at(now, handle)
        {
            let _ended = live.close();
        }
    }

    fn turn(&mut self, busy: bool) -> Result<(), Failure> {
        self.turn_for(if busy { Duration::ZERO } else { LOOK })
    }

    fn passed(&self) -> Duration {
        self.pump.now().since(mainstay_base::Instant::ZERO)
    }

    fn conclude(&mut self) -> Result<(), Failure> {
        let end = self.passed() + LINGER;
        let places = 0..self.connections.len();
        for place in places.clone() {
            let now = self.pump.now();
            if let Some(handle) = self.handle(place)
                && let Some(mut live) = self.pump.network_mut().at(now, handle)
            {
                let _over = live.close();
            }
        }
        let said =
            |state: State| matches!(state, State::Closed | State::TimeWait | State::FinWait2);
        while self.passed() < end {
            self.turn_for(Duration::ZERO)?;
            let mut states = places.clone().filter_map(|place| self.endpoint(place));
            if states.all(|endpoint| said(endpoint.state())) {
                break;
            }
            self.turn_for(LOOK)?;
        }
        self.turn_for(Duration::ZERO)?;
        self.trace.write(self.args)
    }
}
