//! How much to do, and how far it is.

use crate::Fallible;
use crate::clock::Meter;
use std::path::PathBuf;

/// One measured run.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) port: u16,
    /// Who is trusted; none: no TLS.
    pub(crate) ca: Option<PathBuf>,
    /// How many operations are under way at once.
    pub(crate) in_flight: usize,
    /// Operations before the clock starts.
    pub(crate) warm_up: u64,
    /// Operations by the clock.
    pub(crate) ops: u64,
}

impl Job {
    /// Reads `PORT CA|- IN_FLIGHT WARM_UP OPS`.
    pub(crate) fn parse(args: &[&str]) -> Fallible<Self> {
        let [port, ca, in_flight, warm_up, ops] = args else {
            return Err("a run is PORT CA|- IN_FLIGHT WARM_UP OPS".into());
        };
        Ok(Self {
            port: port.parse()?,
            ca: (*ca != "-").then(|| PathBuf::from(ca)),
            in_flight: in_flight.parse()?,
            warm_up: warm_up.parse()?,
            ops: ops.parse()?,
        })
    }
}

/// Counts operations begun and done; the clock runs from the end of the warm-up to the end.
#[derive(Debug)]
pub(crate) struct Lap {
    job: Job,
    begun: u64,
    done: u64,
    meter: Meter,
}

impl Lap {
    pub(crate) fn new(job: &Job) -> Self {
        Self { job: job.clone(), begun: 0, done: 0, meter: Meter::start() }
    }

    /// Begins another operation, if one is left.
    pub(crate) fn begin(&mut self) -> bool {
        let left = self.begun < self.job.warm_up + self.job.ops;
        self.begun += u64::from(left);
        left
    }

    /// An operation is done.
    pub(crate) fn finish(&mut self) {
        self.done += 1;
        if self.done == self.job.warm_up {
            self.meter = Meter::start();
        }
    }

    /// All are done.
    pub(crate) const fn is_over(&self) -> bool {
        self.done >= self.job.warm_up + self.job.ops
    }

    /// Prints what it cost.
    pub(crate) fn report(&self) {
        self.meter.report(self.job.ops);
    }
}
