//! The side that is asked.

use super::control::{COOKIE, Control, State};
use super::lanes::Lanes;
use super::words::{Results, Wanted, results};
use super::{interrupted, strange, tell_end};
use crate::command::args;
use crate::command::exit::{Exit, Failure};
use crate::command::tcp::ground::{Ground, Input, Place};
use crate::command::tcp::report::Report;
use core::time::Duration;

/// "An option you are trying to set is not implemented yet", by iperf3's numbers.
const NOT_IMPLEMENTED: u32 = 13;

/// How long the last of what the peer has sent is waited for. chosen: a few round trips of a slow path
const DRAIN: Duration = Duration::from_secs(2);

/// Connections that have not said who they are, at once. chosen: as many as a test has at most; others wait
const COMERS_MAX: usize = 128;

pub(super) fn run(
    args: &args::Tcp,
    ground: &mut dyn Ground,
    report: &mut Report,
) -> Result<(), Failure> {
    let control = loop {
        if let Some(place) = ground.accept()? {
            break Control::new(place);
        }
        ground.turn(false)?;
    };
    let mut server = Server {
        args,
        control,
        cookie: None,
        wanted: None,
        lanes: Lanes::new(false),
        comers: Vec::new(),
        stage: Stage::Cookie,
        start: Duration::ZERO,
        took: Duration::ZERO,
        ended: Duration::ZERO,
        theirs: None,
        resent: None,
        known: String::new(),
        omitted: false,
    };
    while server.stage != Stage::Over {
        let busy = server.step(ground, report)?;
        ground.turn(busy)?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Cookie,
    Parameters,
    /// Connections for data come.
    Streams,
    Running,
    /// The peer has sent all; it says how much, and some may be under way.
    Results,
    /// Its last word is waited for.
    Leaving,
    Over,
}

struct Server<'a> {
    args: &'a args::Tcp,
    control: Control,
    cookie: Option<[u8; COOKIE]>,
    wanted: Option<Wanted>,
    lanes: Lanes,
    /// Connections that have not said their whole cookie yet.
    comers: Vec<(Place, Vec<u8>)>,
    stage: Stage,
    start: Duration,
    /// What was counted and known when it was over.
    took: Duration,
    ended: Duration,
    theirs: Option<Results>,
    resent: Option<u32>,
    known: String,
    /// What came at the start was forgotten, as asked.
    omitted: bool,
}

impl Server<'_> {
    /// Does what can be done; whether that was anything.
    fn step(&mut self, ground: &mut dyn Ground, report: &mut Report) -> Result<bool, Failure> {
        let before = self.stage;
        let mut busy = match self.control.pump(ground) {
            // Who has shown the results may be gone already.
            Err(_) if self.stage == Stage::Leaving => {
                self.stage = Stage::Over;
                false
            }
            moved => moved?,
        };
        match self.stage {
            Stage::Cookie => {
                if let Some(cookie) = self.control.take_cookie() {
                    self.cookie = Some(cookie);
                    self.control.push_state(State::Parameters);
                    self.stage = Stage::Parameters;
                }
            }
            Stage::Parameters => self.take_parameters(ground)?,
            Stage::Streams => busy |= self.take_streams(ground)?,
            Stage::Running => busy |= self.run(ground, report)?,
            Stage::Results => busy |= self.take_results(ground, report)?,
            Stage::Leaving => {
                if self.control.take_state().is_some() || self.control.is_over() {
                    self.stage = Stage::Over;
                }
            }
            Stage::Over => {}
        }
        if self.stage != Stage::Over && self.control.is_over() {
            return Err(strange(self.args, "the peer ended the test; is it iperf3?"));
        }
        Ok(busy || self.stage != before)
    }

    fn take_parameters(&mut self, ground: &mut dyn Ground) -> Result<(), Failure> {
        let Some(value) = self.control.take_text()? else { return Ok(()) };
        match Wanted::from_json(&value) {
            Ok(wanted) => {
                self.lanes = Lanes::new(wanted.reverse);
                self.wanted = Some(wanted);
                self.control.push_state(State::CreateStreams);
                self.stage = Stage::Streams;
                Ok(())
            }
            Err(words) => {
                self.control.push_state(State::Trouble);
                self.control.push(&NOT_IMPLEMENTED.to_be_bytes());
                self.control.push(&0_u32.to_be_bytes());
                while !self.control.is_flushed() {
                    self.control.pump(ground)?;
                    ground.turn(true)?;
                }
                let words = format!("iperf3 asks for what is not there: {words}");
                Err(Failure::new(Exit::Refused, words))
            }
        }
    }

    fn take_streams(&mut self, ground: &mut dyn Ground) -> Result<bool, Failure> {
        let Some((wanted, cookie)) = self.wanted.zip(self.cookie) else { return Ok(false) };
        let mut busy = false;
        while self.comers.len() < COMERS_MAX
            && let Some(place) = ground.accept()?
        {
            self.comers.push((place, Vec::new()));
            busy = true;
        }
        for (place, mut said) in core::mem::take(&mut self.comers) {
            let mut space = [0; COOKIE];
            let rest = space.get_mut(..COOKIE - said.len()).unwrap_or_default();
            match ground.read(place, rest) {
                Ok(Input::Bytes(len)) => {
                    said.extend_from_slice(rest.get(..len).unwrap_or_default());
                    busy = true;
                }
                Ok(Input::Nothing) => {}
                // Somebody who has nothing to do with the test.
                Ok(Input::End) | Err(_) => {
                    ground.drop(place);
                    continue;
                }
            }
            if said.len() < COOKIE {
                self.comers.push((place, said));
            } else if said == cookie && self.lanes.len() < wanted.parallel {
                self.lanes.add(place, None);
            } else {
                ground.drop(place);
            }
        }
        if self.lanes.len() == wanted.parallel {
            self.comers.drain(..).for_each(|(place, _)| ground.drop(place));
            ground.stop_listening();
            self.control.push_state(State::TestStart);
            self.control.push_state(State::TestRunning);
            self.start = ground.passed();
            self.stage = Stage::Running;
        }
        Ok(busy)
    }

    fn run(&mut self, ground: &mut dyn Ground, report: &mut Report) -> Result<bool, Failure> {
        let Some(wanted) = self.wanted else { return Ok(false) };
        let passed = ground.passed().saturating_sub(self.start);
        if !self.omitted && passed >= wanted.omit {
            self.omitted = true;
            self.lanes.forget();
            report.forget();
        }
        match self.control.take_state() {
            None => {}
            Some(State::TestEnd) => {
                self.took = passed.saturating_sub(wanted.omit);
                self.end(ground);
                return Ok(true);
            }
            Some(state) => return Err(interrupted(self.args, state)),
        }
        // By count, the peer says when it has enough; what it says is under way may be the last of it.
        let busy = match self.lanes.exchange(ground, wanted.bytes, report) {
            Err(failure) => {
                // Its connections may end before its word that they do arrives.
                self.control.pump(ground)?;
                return if self.control.is_over() { Err(failure) } else { Ok(false) };
            }
            busy => busy?,
        };
        report.tell(passed, || self.lanes.known(ground));
        Ok(busy)
    }

    fn end(&mut self, ground: &mut dyn Ground) {
        self.ended = ground.passed();
        (self.resent, self.known) = (self.lanes.resent(ground), self.lanes.known(ground));
        if self.lanes.sends() {
            // A client that receives may be waiting for the rest of a block, and nothing else.
            self.lanes.drop_all(ground);
        }
        self.control.push_state(State::Results);
        self.stage = Stage::Results;
    }

    /// Takes what the peer counted, and meanwhile what is still under way, at most for a while.
    fn take_results(
        &mut self,
        ground: &mut dyn Ground,
        report: &mut Report,
    ) -> Result<bool, Failure> {
        let moved = self.lanes.drain(ground, report);
        if self.theirs.is_none() {
            self.theirs = self.control.take_text()?.map(|value| Results::from_json(&value));
        }
        let late = ground.passed() >= self.ended + DRAIN;
        let Some(theirs) = self.theirs.take_if(|theirs| late || !self.lanes.lacks(theirs)) else {
            return Ok(moved);
        };
        if !self.lanes.sends() {
            self.lanes.drop_all(ground);
        }
        self.control.push_text(&results(&self.lanes, self.took, self.resent));
        self.control.push_state(State::Display);
        tell_end(report, self.took, &self.known, &theirs);
        self.stage = Stage::Leaving;
        Ok(true)
    }
}
