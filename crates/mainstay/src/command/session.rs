//! `mainstay run`: streams kept up, with a live table or a line per event.

use super::args;
use super::document;
use super::ending::wind_up;
use super::exit::{Exit, Failure};
use super::feed::Producer;
use super::keep::{Board, Keeper};
use super::lines;
use super::setup;
use super::signals::Signals;
use super::table::Table;
use crate::{Device, StreamId};
use core::cell::RefCell;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_node::Reload;
use mainstay_policy::Policy;
use mainstay_stream::CreateError;
use std::io::{self, IsTerminal};
use std::rc::Rc;

pub use super::feed::Feed;
pub use super::keep::Row;

/// Between two drawings. chosen: ten a second look alive and cost nothing.
const DRAW: Duration = Duration::from_millis(100);

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
    /// `None`: lines.
    table: Option<Table>,
    drawn: Option<Instant>,
}

#[derive(Debug)]
struct Kept {
    name: String,
    feed: Option<Feed>,
    id: Option<StreamId>,
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
            table: live.then(Table::default),
            drawn: None,
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
        let wait = if self.table.is_some() { wait.min(DRAW) } else { wait };
        self.device.turn(Some(wait))?;
        self.revive();
        self.show(false)
    }

    /// The time by the device's clock; it starts at zero.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.device.now()
    }

    /// How every stream fares now.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.look();
        self.board.borrow().rows.clone()
    }

    /// From now on no feed begins a message.
    pub fn hush(&self) {
        self.board.borrow_mut().is_hushed = true;
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
        self.look();
        wind_up(&mut self.device, &ids, hurry)?;
        self.show(true)
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
        let producer = kept.feed.map(Producer::new);
        let keeper = Keeper::new(place, &self.board, &self.metadata, producer, &streamtype);
        match self.device.create(&kept.name, keeper) {
            Ok(id) => kept.id = Some(id),
            Err(error) => {
                kept.id = None;
                let why = refusal(&error);
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

    /// Brings the rows up to date with what only the node knows.
    fn look(&self) {
        let node = self.device.node();
        let mut board = self.board.borrow_mut();
        for (row, kept) in board.rows.iter_mut().zip(&self.kept) {
            let Some(id) = kept.id else { continue };
            row.connection = node.connection(id);
            if let Some(stream) = node.stream(id) {
                row.counters = *stream.counters();
                row.pending = stream.pending();
            }
        }
    }

    fn show(&mut self, at_once: bool) -> io::Result<()> {
        let now = self.device.now();
        if self.table.is_none() {
            return lines::serve(&mut io::stdout().lock(), &mut self.board.borrow_mut(), now);
        }
        let due = self.drawn.is_none_or(|drawn| now.since(drawn) >= DRAW);
        if !due && !at_once {
            return Ok(());
        }
        self.drawn = Some(now);
        self.look();
        let board = self.board.borrow();
        self.table.as_mut().map_or(Ok(()), |table| table.draw(&board.rows))
    }
}

fn refusal(error: &CreateError) -> String {
    match error {
        CreateError::UnknownStreamtype => "the policy has no such streamtype".to_owned(),
        CreateError::Unsupported(key) => format!("this version does not do `{key}`"),
        CreateError::RefusedByHandler => "ended at creation".to_owned(),
        CreateError::Limit => "too many streams".to_owned(),
    }
}

/// The command.
pub(crate) fn run(args: &args::Run) -> Result<(), Failure> {
    let policy = document::load(&args.document)?;
    let all = args.streams.is_empty();
    let names: Vec<String> =
        if all { policy.streamtypes.keys().cloned().collect() } else { args.streams.clone() };
    if let Some(unknown) = names.iter().find(|name| !policy.streamtypes.contains_key(*name)) {
        return Err(setup::not_created(unknown, &CreateError::UnknownStreamtype));
    }
    let device = setup::device(policy, &args.device)?;
    let signals = Signals::new(device.waker())?;
    let plan = Plan {
        streams: names.into_iter().map(|name| (name, None)).collect(),
        metadata: args.metadata.clone(),
        plain: args.plain,
        quiet: false,
    };
    let mut session = Session::start(device, plan);
    if session.kept.iter().all(|kept| kept.id.is_none()) {
        session.show(true)?;
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
