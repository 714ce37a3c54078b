//! A device as a process of its own, so that a test can measure it and cut it off: what it does is said by its arguments,
//! what happens it prints as JSON lines.
//!
//! - `pressure download POLICY STREAM TOTAL SLEEP_AT SLEEP_MS [SIDE]`: receives `TOTAL` bytes on `STREAM` and falls asleep
//!   for `SLEEP_MS` once `SLEEP_AT` came; a stream `SIDE` is opened beside it.
//! - `pressure ledger POLICY STREAM OPEN_MS BURST`: sends numbered messages, `BURST` every 5 ms, until a file `stop` lies in
//!   the work folder; each message's outcome is printed.
//! - `pressure idle POLICY STREAM COUNT`: opens `COUNT` streams and says what they cost.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program of the tests: what fails here fails the test, and it speaks by its output"
)]

mod download;
mod idle;
mod ledger;
mod memory;

use core::time::Duration;
use mainstay::Policy;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let text: Vec<&str> = args.iter().map(String::as_str).collect();
    match text.as_slice() {
        ["download", policy, stream, total, at, ms, side @ ..] => {
            let order = download::Order {
                total: total.parse().unwrap(),
                sleep_at: at.parse().unwrap(),
                sleep: millis(ms),
                side: side.first().map(|&side| side.to_owned()),
            };
            download::run(read(policy), stream, &order);
        }
        ["ledger", policy, stream, open, burst] => {
            ledger::run(read(policy), stream, millis(open), burst.parse().unwrap());
        }
        ["idle", policy, stream, count] => {
            idle::run(read(policy), stream, count.parse().unwrap());
        }
        _ => println!(r#"{{"event":"usage"}}"#),
    }
}

fn millis(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap())
}

fn read(path: &str) -> Policy {
    let text = std::fs::read_to_string(path).unwrap();
    Policy::parse(&text, path).unwrap().policy
}
