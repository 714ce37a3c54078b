//! The side that asks.

use super::control::{COOKIE, Control, State};
use super::lanes::Lanes;
use super::words::{Results, Wanted, results};
use super::{interrupted, strange, tell_end};
use crate::command::args;
use crate::command::exit::Failure;
use crate::command::tcp::ground::Ground;
use crate::command::tcp::report::Report;
use core::time::Duration;
use mainstay_base::Rng;

/// Without a word about it. As iperf3 has it.
const TIME: Duration = Duration::from_secs(10);

/// Letters of a cookie, which is base32 with iperf3.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

pub(super) fn run(
    args: &args::Tcp,
    ground: &mut dyn Ground,
    report: &mut Report,
) -> Result<(), Failure> {
    let wanted = Wanted {
        reverse: args.reverse,
        parallel: usize::from(args.parallel),
        bytes: args.send,
        time: args.for_time.unwrap_or(TIME),
        omit: Duration::ZERO,
    };
    let cookie = cookie()?;
    let mut control = Control::new(ground.connect()?);
    control.push(&cookie);
    let lanes = Lanes::new(!wanted.reverse);
    let mut client =
        Client { args, wanted, cookie, control, lanes, running: None, stage: Stage::Preparing };
    while client.stage != Stage::Over {
        let busy = client.step(ground, report)?;
        ground.turn(busy)?;
    }
    Ok(())
}

fn cookie() -> Result<[u8; COOKIE], Failure> {
    let mut rng = Rng::new(mainstay_host::entropy()?);
    let mut cookie = [0; COOKIE];
    for byte in cookie.iter_mut().take(COOKIE - 1) {
        let place = usize::try_from(rng.next_u64() % 32).unwrap_or(0);
        *byte = LETTERS.get(place).copied().unwrap_or(b'a');
    }
    Ok(cookie)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Preparing,
    Running,
    /// We have said that it is over.
    Ended,
    /// Its results come next.
    Results,
    /// The last word is being sent.
    Leaving,
    Over,
}

struct Client<'a> {
    args: &'a args::Tcp,
    wanted: Wanted,
    cookie: [u8; COOKIE],
    control: Control,
    lanes: Lanes,
    /// When the test began, and how long it took once it is over.
    running: Option<(Duration, Option<Duration>)>,
    stage: Stage,
}

impl Client<'_> {
    /// Does what can be done; whether that was anything.
    fn step(&mut self, ground: &mut dyn Ground, report: &mut Report) -> Result<bool, Failure> {
        let mut busy = self.control.pump(ground)?;
        busy |= self.lanes.greet(ground)?;
        if self.stage == Stage::Results
            && let Some(value) = self.control.take_text()?
        {
            let theirs = Results::from_json(&value);
            let took = self.running.and_then(|(_, took)| took).unwrap_or_default();
            tell_end(report, took, &self.lanes.known(ground), &theirs);
            self.stage = Stage::Ended;
        }
        while self.stage != Stage::Results
            && let Some(state) = self.control.take_state()
        {
            self.obey(ground, state)?;
        }
        if self.stage == Stage::Running {
            busy |= self.exchange(ground, report)?;
        }
        if self.stage == Stage::Leaving {
            if self.control.is_flushed() {
                self.stage = Stage::Over;
            }
        } else if self.control.is_over() {
            return Err(strange(self.args, "the peer ended the test; is it iperf3?"));
        }
        Ok(busy)
    }

    fn obey(&mut self, ground: &mut dyn Ground, state: State) -> Result<(), Failure> {
        // Each answer is much longer than the question: who does not read them asks in vain.
        if matches!(state, State::Parameters | State::Results) && !self.control.is_flushed() {
            return Err(interrupted(self.args, state));
        }
        match state {
            State::Parameters => self.control.push_text(&self.wanted.to_json()),
            State::CreateStreams => {
                while self.lanes.len() < self.wanted.parallel {
                    let place = ground.connect()?;
                    self.lanes.add(place, Some(&self.cookie));
                }
            }
            State::TestStart => {}
            State::TestRunning => {
                self.running = Some((ground.passed(), None));
                self.stage = Stage::Running;
            }
            State::Results => {
                let took = self.running.and_then(|(_, took)| took).unwrap_or_default();
                let resent = self.lanes.resent(ground);
                self.control.push_text(&results(&self.lanes, took, resent));
                self.stage = Stage::Results;
            }
            State::Display => {
                self.control.push_state(State::Done);
                self.lanes.drop_all(ground);
                self.stage = Stage::Leaving;
            }
            State::TestEnd
            | State::ServerEnds
            | State::ClientEnds
            | State::Done
            | State::Denied
            | State::Trouble
            | State::Unknown(_) => return Err(interrupted(self.args, state)),
        }
        Ok(())
    }

    fn exchange(&mut self, ground: &mut dyn Ground, report: &mut Report) -> Result<bool, Failure> {
        let Some((start, _)) = self.running else { return Ok(false) };
        let busy = self.lanes.exchange(ground, self.wanted.bytes, report)?;
        let passed = ground.passed().saturating_sub(start);
        report.tell(passed, || self.lanes.known(ground));
        let over = match self.wanted.bytes {
            // What is not acknowledged yet would be cut off.
            Some(bytes) => {
                self.lanes.total() >= bytes
                    && (!self.lanes.sends() || self.lanes.unacknowledged(ground) == 0)
            }
            None => passed >= self.wanted.time,
        };
        if over {
            self.running = Some((start, Some(passed)));
            self.control.push_state(State::TestEnd);
            self.stage = Stage::Ended;
        }
        Ok(busy)
    }
}
