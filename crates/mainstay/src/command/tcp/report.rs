//! The line a second, and the one at the end.

use core::time::Duration;
use std::io::{self, Write as _};

/// What has gone each way, and when it was last said.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    said: (Duration, u64, u64),
    quiet: bool,
}

/// Between two lines.
const INTERVAL: Duration = Duration::from_secs(1);

impl Report {
    pub(crate) const fn new(quiet: bool) -> Self {
        Self { sent: 0, received: 0, said: (Duration::ZERO, 0, 0), quiet }
    }

    /// What has gone so far does not count.
    pub(crate) const fn forget(&mut self) {
        (self.sent, self.received) = (0, 0);
        self.said = (self.said.0, 0, 0);
    }

    /// Says a line if one is due; `more` adds what is known beside bytes.
    pub(crate) fn tell(&mut self, passed: Duration, more: impl FnOnce() -> String) {
        let (at, sent, received) = self.said;
        if self.quiet || passed < at + INTERVAL {
            return;
        }
        let span = passed.saturating_sub(at);
        let line = format!(
            "{:6.1} s  out {:>12}  in {:>12}{}",
            passed.as_secs_f64(),
            rate(self.sent - sent, span),
            rate(self.received - received, span),
            more(),
        );
        self.said = (passed, self.sent, self.received);
        say(&line);
    }

    /// Says what it came to.
    pub(crate) fn end(&self, passed: Duration, more: &str) {
        if self.quiet {
            return;
        }
        let line = format!(
            "{:6.1} s  out {} bytes, {}  in {} bytes, {}{more}",
            passed.as_secs_f64(),
            self.sent,
            rate(self.sent, passed),
            self.received,
            rate(self.received, passed),
        );
        say(&line);
    }
}

pub(crate) fn say(line: &str) {
    // Nowhere is left to say that this could not be written.
    let _lost = writeln!(io::stderr(), "{line}");
}

/// Bits per second in the unit that fits.
fn rate(bytes: u64, span: Duration) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let bits = bytes as f64 * 8.0 / span.as_secs_f64().max(1e-9);
    for (unit, name) in [(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")] {
        if bits >= unit {
            return format!("{:.1} {name}", bits / unit);
        }
    }
    format!("{bits:.0} bit/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_the_unit_that_fits() {
        assert_eq!(rate(125_000_000, Duration::from_secs(1)), "1.0 Gbit/s");
        assert_eq!(rate(12_500, Duration::from_millis(100)), "1.0 Mbit/s");
        assert_eq!(rate(0, Duration::ZERO), "0 bit/s");
    }
}
