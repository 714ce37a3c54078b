//! The other end of iperf3: one test against its unmodified client or server.
//!
//! A test has one connection for control, on which single bytes say what comes next and JSON carries parameters and
//! results, and as many for data as were asked for. Facts from iperf3's documentation and what versions 3.1 to 3.16 are
//! seen to send; UDP, SCTP, both directions at once, authentication and zero copy are not there and are refused.
//!
//! | file | what |
//! |---|---|
//! | `control.rs` | bytes, texts and states of the control connection |
//! | `words.rs` | parameters and results as JSON |
//! | `lanes.rs` | the connections for data |
//! | `client.rs` | the side that asks |
//! | `server.rs` | the side that is asked |

mod client;
mod control;
mod lanes;
mod server;
mod words;

use super::ground::Ground;
use super::report::Report;
use crate::command::args::{self, Role};
use crate::command::exit::{Exit, Failure};
use control::State;
use core::time::Duration;

/// Runs one test to its end.
pub(crate) fn run(args: &args::Tcp, ground: &mut dyn Ground) -> Result<(), Failure> {
    let mut report = Report::new(args.quiet);
    let outcome = match args.role {
        Role::Connect => client::run(args, ground, &mut report),
        Role::Listen => server::run(args, ground, &mut report),
    };
    let concluded = ground.conclude();
    outcome.and(concluded)
}

/// The peer does what the protocol does not know.
fn strange(args: &args::Tcp, words: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{}: {words}", args.address))
}

/// What can happen to a test at any time.
fn interrupted(args: &args::Tcp, state: State) -> Option<Failure> {
    let words = match state {
        State::Denied => "busy with another test",
        State::Trouble => "iperf3 reports an error",
        State::ServerEnds | State::ClientEnds => "iperf3 gave the test up",
        _ => return None,
    };
    Some(strange(args, words))
}

/// Says how the test went.
fn tell_end(report: &Report, passed: Duration, known: &str, results: &words::Results) {
    report.end(passed, &format!("{known}  peer counted {} bytes", results.bytes()));
}
