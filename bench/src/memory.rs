//! What an idle stream costs: private dirty memory of a process with many of them.

use crate::Fallible;
use crate::client::{Job, policy};
use crate::scenario::MESSAGE;
use core::cell::Cell;
use mainstay::{Answer, Builder, Context, Flags, Handler, Reason, State, Tx};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs;
use std::rc::Rc;

/// As many descriptors as this process may have.
pub(crate) fn raise_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Private dirty bytes of this process, as the kernel counts them.
pub(crate) fn private_dirty() -> Fallible<u64> {
    let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
    let kilobytes: u64 = line.and_then(|l| l.split_whitespace().next()).ok_or("smaps")?.parse()?;
    Ok(kilobytes * 1024)
}

/// How far all streams are.
#[derive(Default)]
struct Tally {
    echoed: Cell<usize>,
    lost: Cell<Option<Reason>>,
}

/// Sends one long message when it is connected, hears it back, and idles.
struct Sleeper {
    tally: Rc<Tally>,
    sent: usize,
    heard: usize,
}

impl Handler for Sleeper {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        if state == State::Connected {
            cx.request_tx_len(MESSAGE as u64);
        } else if matches!(state, State::Unreachable | State::Disconnected) {
            self.tally.lost.set(reason);
        }
        Answer::Ok
    }

    fn tx(&mut self, cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let len = buffer.len().min(MESSAGE - self.sent);
        buffer[..len].fill(b'x');
        let start = self.sent == 0;
        self.sent += len;
        if self.sent < MESSAGE {
            cx.request_tx();
        }
        Tx::Send { len, flags: Flags::ends(start, self.sent == MESSAGE) }
    }

    fn rx(&mut self, _cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        self.heard += payload.len();
        if flags.has(Flags::EOM) && self.heard == MESSAGE {
            self.tally.echoed.set(self.tally.echoed.get() + 1);
        }
        Answer::Ok
    }
}

/// The measured process: `ops` streams, each idle after its message; prints the growth in bytes
/// since before the first `warm_up` of them were made.
pub(crate) fn client(job: &Job) -> Fallible {
    raise_descriptors();
    let mut device = Builder::new(policy(job, "ws")?).build()?;
    let tally = Rc::new(Tally::default());
    let mut before = private_dirty()?;
    let (first, all) = (usize::try_from(job.warm_up)?, usize::try_from(job.warm_up + job.ops)?);
    let mut made = 0;
    while tally.echoed.get() < all {
        if tally.echoed.get() == first && made == first {
            before = private_dirty()?;
        }
        // As many at once as the run says: what all of them need at the same time is not idle.
        let until = if made < first { first } else { all };
        while made < until && made - tally.echoed.get() < job.in_flight {
            made += 1;
            let tally = Rc::clone(&tally);
            let sleeper = Sleeper { tally, sent: 0, heard: 0 };
            device.create("it", sleeper).map_err(|error| format!("{error:?}"))?;
        }
        device.turn(None)?;
        if let Some(reason) = tally.lost.get() {
            return Err(format!("a stream was lost: {reason:?}").into());
        }
    }
    let grown = private_dirty()?.saturating_sub(before);
    println!("ops={} bytes={grown}", job.ops);
    Ok(())
}
