//! `mainstay run`: streams kept up, with a live table or a line per event.

use super::args;
use super::document;
use super::ending::wind_up;
use super::exit::{Exit, Failure};
use super::feed::Producer;
use super::keep::{Board, Keeper, is_http};
use super::lines;
use super::setup;
use super::signals::{Hangup, Signals};
use super::table::Table;
use crate::{Device, StreamId};
use core::cell::RefCell;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_node::Reload;
use mainstay_policy::Policy;
use mainstay_stream::Stream;
use std::io::{self, IsTerminal};
use std::rc::Rc;

pub use super::feed::Feed;
pub use super::keep::Row;

/// Between two drawings. chosen: ten a second look alive and cost nothing.
const DRAW: Duration = Duration::from_millis(100);

/// Messages of a feed that may await their outcome. chosen: keeps a slow peer from being flooded.
const PENDING_MAX: u64 = 32;

/// What a session keeps up, and how it shows it.
#[derive(Debug, Default)]
pub struct Plan {
    /// Streamtypes, each with what it sends by itself.
    pub streams: Vec<(String, Option<Feed>)>,
    /// Set on every stream that declares the name.
    pub metadata: Vec<(String, String)>,
    /// Lines even on a terminal.
    pub plain: bool,
    /// Lines tell states and bad outcomes alone.
    pub quiet: bool,
}

/// Streams that are kept up.
#[derive(Debug)]
pub struct Session {
    device: Device,
    board: Rc<RefCell<Board>>,
    metadata: Rc<[(String, String)]>,
    kept: Vec<Kept>,
    screen: Screen,
    /// No feed begins a message.
    is_hushed: bool,
}

#[derive(Debug)]
struct Kept {
    name: String,
    /// What it says by itself, and when next.
    feed: Option<(Feed, Instant)>,
    id: Option<StreamId>,
}

/// Where the board is shown.
#[derive(Debug)]
struct Screen {
    /// `None`: lines.
    table: Option<Table>,
    drawn: Option<Instant>,
}

impl Session {
    /// Creates the streams of a plan. One that the device refuses gets a row that says why.
    #[must_use]
    pub fn start(device: Device, plan: Plan) -> Self {
        let live = !plan.plain && io::stdout().is_terminal();
        let board = Board { is_chatty: !plan.quiet, has_lines: !live, ..Board::default() };
        let mut session = Self {
            device,
            board: Rc::new(RefCell::new(board)),
            metadata: plan.metadata.into(),
            kept: Vec::new(),
            screen: Screen { table: live.then(Table::default), drawn: None },
            is_hushed: false,
        };
        for (name, feed) in plan.streams {
            session.keep(name, feed);
        }
        session
    }

    /// Waits at most `wait`, serves what came and shows it.
    ///
    /// # Errors
    /// When the system's poll fails, or standard output is gone.
    pub fn turn(&mut self, wait: Duration) -> io::Result<()> {
        let mut wait = if self.screen.table.is_some() { wait.min(DRAW) } else { wait };
        if let Some(due) = self.feed() {
            wait = wait.min(due.since(self.device.now()));
        }
        self.device.turn(Some(wait))?;
        self.revive();
        self.screen.show(&self.device, &self.board, &self.kept, false)
    }

    /// The time by the device's clock; it starts at zero.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.device.now()
    }

    /// How every stream fares now.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        look(&self.device, &self.board, &self.kept);
        self.board.borrow().rows.clone()
    }

    /// From now on no feed begins a message.
    pub const fn hush(&mut self) {
        self.is_hushed = true;
    }

    /// From now on a stream that repeats its transaction begins no further one.
    pub fn rest(&self) {
        self.board.borrow_mut().is_resting = true;
    }

    /// Ends every stream in order: DISCONNECTED, DESTROYING. `hurry` ends the waiting for it.
    ///
    /// # Errors
    /// As `turn`.
    pub fn finish(&mut self, hurry: impl Fn() -> bool) -> io::Result<()> {
        self.hush();
        let ids: Vec<StreamId> = self.kept.iter().filter_map(|kept| kept.id).collect();
        let Self { device, board, kept, screen, .. } = self;
        look(device, board, kept);
        wind_up(device, &ids, hurry, |device| screen.show(device, board, kept, false))?;
        screen.show(device, board, kept, true)
    }

    /// Asks for a tx opportunity for every feed that is due; when the next one is.
    fn feed(&mut self) -> Option<Instant> {
        if self.is_hushed {
            return None;
        }
        let (now, node) = self.device.node_mut();
        let mut next = None;
        for kept in &mut self.kept {
            let (Some((feed, due)), Some(id)) = (&mut kept.feed, kept.id) else { continue };
            if *due <= now {
                *due = (*due + feed.interval()).max(now);
                if node.stream(id).is_some_and(is_free) {
                    node.request_tx_len(now, id, feed.message_len() as u64);
                }
            }
            next = Some(next.map_or(*due, |other: Instant| other.min(*due)));
        }
        next
    }

    /// Puts another policy in force: streams whose streamtype is unchanged live on, the others are
    /// made anew.
    ///
    /// # Errors
    /// A certificate of it cannot be read; then nothing changed.
    fn replace(&mut self, policy: Policy, all: bool) -> Result<(), Failure> {
        let names: Vec<String> = policy.streamtypes.keys().cloned().collect();
        let needs_roots = crate::builder::needs_platform_roots(&policy);
        let (now, node) = self.device.node_mut();
        if needs_roots {
            node.set_platform_roots(&mainstay_host::platform_roots().certificates);
        }
        node.replace_policy(now, policy, Reload::Changed)
            .map_err(|error| Failure::new(Exit::Policy, error.to_string()))?;
        for name in names.into_iter().filter(|_| all) {
            if !self.kept.iter().any(|kept| kept.name == name) {
                self.keep(name, None);
            }
        }
        Ok(())
    }

    fn keep(&mut self, name: String, feed: Option<Feed>) {
        let place = self.kept.len();
        let feed = feed.map(|feed| (feed, self.device.now() + feed.interval()));
        self.kept.push(Kept { name, feed, id: None });
        self.create(place);
    }

    fn create(&mut self, place: usize) {
        let Some(kept) = self.kept.get_mut(place) else { return };
        let found = self.device.node().policy().streamtypes.get(&kept.name).cloned();
        let streamtype = found.unwrap_or_default();
        let mut row = Row::new(&streamtype);
        row.name.clone_from(&kept.name);
        let mut board = self.board.borrow_mut();
        match board.rows.get_mut(place) {
            Some(old) => *old = row,
            None => board.rows.push(row),
        }
        drop(board);
        let producer = kept.feed.map(|(feed, _)| Producer::new(feed));
        let keeper = Keeper::new(place, &self.board, &self.metadata, producer, &streamtype);
        match self.device.create(&kept.name, keeper) {
            Ok(id) => kept.id = Some(id),
            Err(error) => {
                kept.id = None;
                let why = error.to_string();
                let mut board = self.board.borrow_mut();
                board.say(place, || format!("not run: {why}"));
                if let Some(row) = board.rows.get_mut(place) {
                    row.refused = Some(why);
                }
            }
        }
    }

    /// Streams that another policy ended are made anew.
    fn revive(&mut self) {
        for place in 0..self.kept.len() {
            let id = self.kept.get(place).and_then(|kept| kept.id);
            if id.is_some_and(|id| self.device.node().stream(id).is_none()) {
                self.create(place);
            }
        }
    }
}

/// Whether a feed's next message may be asked for.
fn is_free(stream: &Stream) -> bool {
    if is_http(stream.streamtype().protocol) {
        return stream.pending() == 0 && !stream.is_connected();
    }
    stream.pending() < PENDING_MAX && !stream.message_open()
}

/// Brings the rows up to date with what only the node knows.
fn look(device: &Device, board: &RefCell<Board>, kept: &[Kept]) {
    let node = device.node();
    let mut board = board.borrow_mut();
    for (row, kept) in board.rows.iter_mut().zip(kept) {
        let Some(id) = kept.id else { continue };
        row.connection = node.connection(id);
        if let Some(stream) = node.stream(id) {
            row.counters = *stream.counters();
            row.pending = stream.pending();
        }
    }
}

impl Screen {
    fn show(
        &mut self,
        device: &Device,
        board: &RefCell<Board>,
        kept: &[Kept],
        at_once: bool,
    ) -> io::Result<()> {
        let now = device.now();
        let Some(table) = &mut self.table else {
            return lines::serve(&mut io::stdout().lock(), &mut board.borrow_mut(), now);
        };
        let due = self.drawn.is_none_or(|drawn| now.since(drawn) >= DRAW);
        if !due && !at_once {
            return Ok(());
        }
        self.drawn = Some(now);
        look(device, board, kept);
        table.draw(&board.borrow().rows)
    }
}

/// The command.
pub(crate) fn run(args: &args::Run) -> Result<(), Failure> {
    let policy = document::load(&args.document)?;
    let all = args.streams.is_empty();
    let names: Vec<String> =
        if all { policy.streamtypes.keys().cloned().collect() } else { args.streams.clone() };
    if let Some(unknown) = names.iter().find(|name| !policy.streamtypes.contains_key(*name)) {
        return Err(setup::unknown(unknown, &policy));
    }
    let device = setup::device(policy, &args.device)?;
    let signals = Signals::new(device.waker(), Hangup::Reload)?;
    let plan = Plan {
        streams: names.into_iter().map(|name| (name, None)).collect(),
        metadata: args.metadata.clone(),
        plain: args.plain,
        quiet: false,
    };
    let mut session = Session::start(device, plan);
    if session.kept.iter().all(|kept| kept.id.is_none()) {
        session.screen.show(&session.device, &session.board, &session.kept, true)?;
        return Err(Failure::new(Exit::Policy, "no stream of this policy can run".to_owned()));
    }
    let until = args.for_time.map(|time| session.now() + time);
    let ended = serve(&mut session, args, &signals, until, all);
    if ended.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
        return Ok(());
    }
    ended?;
    super::exit::unless_closed(session.finish(|| signals.stops() > 1))
}

fn serve(
    session: &mut Session,
    args: &args::Run,
    signals: &Signals,
    until: Option<Instant>,
    all: bool,
) -> io::Result<()> {
    /// chosen: the waker ends the wait whenever something happens.
    const LONG: Duration = Duration::from_secs(60);
    while signals.stops() == 0 {
        let now = session.now();
        if until.is_some_and(|until| until <= now) {
            break;
        }
        if signals.take_reload() {
            let loaded = document::load(&args.document);
            let replaced = loaded.and_then(|policy| session.replace(policy, all));
            match replaced {
                Ok(()) => tracing::info!(state = "policy replaced"),
                Err(failure) => failure.tell(),
            }
        }
        session.turn(until.map_or(LONG, |until| until.since(now)))?;
    }
    Ok(())
}
