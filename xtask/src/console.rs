//! What xtask prints, and the clock it times steps with. The only file here that writes to the terminal.

use std::io::Write;
use std::time::Instant;

/// Prints one line on standard output.
pub(crate) fn say(line: &str) {
    // A closed pipe (`cargo xtask trace | head`) is no reason to fail.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints one finding on standard error.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "error: {line}");
}

/// How long something took.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "xtask times its own steps; no machine runs here"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
