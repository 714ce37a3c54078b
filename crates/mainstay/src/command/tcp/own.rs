//! Over our own stack on a link.

use super::flow::{CHUNK, Sink, Source};
use super::report::{Report, say};
use super::trace::Trace;
use crate::command::args::{self, Role};
use crate::command::exit::{Exit, Failure};
use crate::command::link;
use core::slice;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_host::own::{Pump, WireKind, WireOptions};
use mainstay_net::network::{Config, Event};
use mainstay_tcp::queue::CopyQueue as _;
use mainstay_tcp::{Disconnected, Facts, Handle, ListenerHandle, Push, Soft, TcpError};

/// Between two looks when nothing happens. chosen: only bounds how late the line a second is
pub(super) const LOOK: Duration = Duration::from_millis(100);

/// Why a connection could not begin, for people.
pub(super) const UNREACHABLE: &str =
    "nobody on the link has this address, or a router knows no way";

/// Says of links that were to have a thread of the kernel's that they have none.
pub(super) fn tell_unthreaded(args: &args::Tcp, pump: &Pump) {
    for wire in pump.links().iter().filter(|wire| args.own.threaded && !wire.link().is_threaded()) {
        say(&format!(
            "{}: no thread of the kernel's can be had, it is left out",
            wire.link().name()
        ));
    }
}

pub(crate) fn run(args: &args::Tcp, config: Config, link: &WireOptions) -> Result<(), Failure> {
    let bare = link.kind == WireKind::Tun;
    let mut pump =
        Pump::open(config, slice::from_ref(link)).map_err(|error| link::failure(link, &error))?;
    tell_unthreaded(args, &pump);
    let waker = pump.waker();
    let source = Source::new(args, move || waker.wake())?;
    let mut trace = Trace::new(args, bare)?;
    let mut listener = None;
    let mut handle = None;
    match args.role {
        Role::Connect => {
            handle = Some(connect(args, link, &mut pump, &mut trace)?);
        }
        Role::Listen => {
            let opened = pump.network_mut().listen(args.address);
            listener = Some(opened.map_err(|error| refused(args, error))?);
        }
    }
    let mut talk = Talk {
        source,
        sink: Sink::new(args),
        report: Report::new(args.quiet),
        start: None,
        last: false,
        finished: false,
        over: false,
        ended: None,
        unreachable: false,
        resent: 0,
    };
    while talk.ended.is_none() && !talk.unreachable {
        turn(link, &mut pump, &mut trace, LOOK)?;
        talk.take_events(&mut pump, &mut listener, &mut handle);
        if let Some(handle) = handle {
            talk.exchange(&mut pump, handle)?;
            if talk.is_over() && lingers_only(&pump, handle) {
                break;
            }
        }
    }
    turn(link, &mut pump, &mut trace, Duration::ZERO)?;
    talk.conclude(args, &pump, handle)?;
    trace.write(args)
}

/// Serves the link once, waiting so long at most.
pub(super) fn turn(
    link: &WireOptions,
    pump: &mut Pump,
    trace: &mut Trace,
    wait: Duration,
) -> Result<(), Failure> {
    let served = pump.turn(Some(wait), |at, way, frame| trace.frame(at, way, frame));
    served.map_err(|error| link::failure(link, &error))
}

/// Connects, as soon as there is an address for it: whether somebody else has ours is asked for a second first.
pub(super) fn connect(
    args: &args::Tcp,
    link: &WireOptions,
    pump: &mut Pump,
    trace: &mut Trace,
) -> Result<Handle, Failure> {
    loop {
        let now = pump.now();
        match pump.network_mut().connect(now, args.address, None, 0) {
            Err(TcpError::NoRoute) if pump.network().is_settling(args.address.ip()) => {
                turn(link, pump, trace, LOOK)?;
            }
            outcome => return outcome.map_err(|error| refused(args, error)),
        }
    }
}

pub(super) fn refused(args: &args::Tcp, error: TcpError) -> Failure {
    let code = if error == TcpError::NoRoute { Exit::Unreachable } else { Exit::Usage };
    let hint = if code == Exit::Unreachable && args.own.gateways.is_empty() {
        "; what is not on the link itself needs a --gateway"
    } else {
        ""
    };
    Failure::new(code, format!("{}: {error}{hint}", args.address))
}

/// Both sides have finished; what is left is only so that old segments do no harm.
fn lingers_only(pump: &Pump, handle: Handle) -> bool {
    let state = pump.network().engine().endpoint(handle).map(mainstay_tcp::Endpoint::state);
    state.is_none_or(|state| {
        matches!(state, mainstay_tcp::State::TimeWait | mainstay_tcp::State::Closed)
    })
}

/// One conversation.
struct Talk {
    source: Source,
    sink: Sink,
    report: Report,
    /// When it could be used.
    start: Option<Instant>,
    last: bool,
    finished: bool,
    over: bool,
    ended: Option<Disconnected>,
    /// It could not begin, since nobody is there.
    unreachable: bool,
    resent: u32,
}

impl Talk {
    const fn is_over(&self) -> bool {
        self.finished && self.over
    }

    fn take_events(
        &mut self,
        pump: &mut Pump,
        listener: &mut Option<ListenerHandle>,
        handle: &mut Option<Handle>,
    ) {
        let now = pump.now();
        while let Some(event) = pump.network_mut().poll_event(now) {
            match event {
                Event::Incoming(of) if *listener == Some(of) && handle.is_none() => {
                    *handle = pump.network_mut().accept(of, 0);
                    self.start = Some(now);
                    // One connection is what was asked for.
                    pump.network_mut().stop(now, of);
                    *listener = None;
                }
                Event::Tcp(of, mainstay_tcp::Event::Established) if *handle == Some(of) => {
                    self.start = Some(now);
                }
                Event::Tcp(of, mainstay_tcp::Event::Disconnected(reason))
                    if *handle == Some(of) && reason != Disconnected::TimeWait =>
                {
                    self.ended = Some(reason);
                }
                Event::Tcp(of, mainstay_tcp::Event::Error(Soft::Unreachable))
                    if *handle == Some(of) && self.start.is_none() =>
                {
                    self.unreachable = true;
                }
                Event::Tcp(..) | Event::Incoming(_) | Event::Stack(_) => {}
            }
        }
    }

    fn exchange(&mut self, pump: &mut Pump, handle: Handle) -> Result<(), Failure> {
        let now = pump.now();
        let Some(start) = self.start else { return Ok(()) };
        let passed = now.since(start);
        let Some(mut live) = pump.network_mut().at(now, handle) else { return Ok(()) };
        let mut buffer = vec![0; CHUNK];
        while !self.over {
            let room = self.source.room();
            let space = buffer.get_mut(..room).unwrap_or_default();
            let len = live.read(space).unwrap_or(0);
            if len == 0 {
                break;
            }
            self.report.received += len as u64;
            self.sink.take(space.get(..len).unwrap_or_default(), &mut self.source)?;
        }
        let endpoint = live.endpoint();
        if endpoint.is_some_and(|e| e.is_end_of_stream() && e.facts().unread == 0) && !self.over {
            self.over = true;
            self.sink.end(&mut self.source);
        }
        while !self.last {
            let room = live.endpoint().map_or(0, |endpoint| endpoint.queue().room()).min(CHUNK);
            let mut out = Vec::new();
            self.last = room > 0 && self.source.fill(passed, &mut out, room);
            if out.is_empty() {
                break;
            }
            self.report.sent += live.write(&out, Push::Now).unwrap_or(0) as u64;
        }
        if self.last && !self.finished {
            self.finished = live.finish().is_ok();
        }
        let facts = live.endpoint().map(mainstay_tcp::Endpoint::facts);
        self.report.tell(passed, || facts.as_ref().map_or_else(String::new, known));
        self.resent = facts.map_or(self.resent, |facts| facts.resent);
        Ok(())
    }

    fn conclude(
        &self,
        args: &args::Tcp,
        pump: &Pump,
        handle: Option<Handle>,
    ) -> Result<(), Failure> {
        if self.unreachable {
            let words = format!("{}: {UNREACHABLE}", args.address);
            return Err(Failure::new(Exit::Unreachable, words));
        }
        let passed = self.start.map_or(Duration::ZERO, |start| pump.now().since(start));
        let facts = handle.and_then(|handle| pump.network().engine().endpoint(handle));
        let facts = facts.map(|endpoint| known(&endpoint.facts())).unwrap_or_default();
        if self.start.is_some() {
            self.report.end(passed, &facts);
        }
        let code = match self.ended {
            None | Some(Disconnected::Normal) => return Ok(()),
            Some(Disconnected::TimedOut) => Exit::Timeout,
            Some(_) => Exit::Refused,
        };
        let words = match (code, self.start) {
            (Exit::Timeout, None) => "nobody answers",
            (Exit::Timeout, Some(_)) => "the peer fell silent",
            (_, None) => "refused",
            (_, Some(_)) => "the peer ended the connection at once",
        };
        Err(Failure::new(code, format!("{}: {words}", args.address)))
    }
}

/// What our own stack knows beside bytes.
pub(super) fn known(facts: &Facts) -> String {
    let rtt = facts
        .srtt
        .map_or_else(|| "-".to_owned(), |micros| format!("{:.2} ms", f64::from(micros) / 1000.0));
    format!("  cwnd {}  flight {}  rtt {rtt}  resent {}", facts.cwnd, facts.flight, facts.resent)
}
