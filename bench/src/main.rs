//! Measured side by side with peers: what one operation costs the client in CPU time.
//!
//! Without a subcommand it measures; `serve`, `client`, `tcp-*` and `path-*` are the other processes it starts, so
//! that no peer is ever paid for by the one that is measured.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]
#![expect(
    clippy::disallowed_methods,
    reason = "a program: it measures time, reads its environment and has threads"
)]

mod arguments;
mod client;
mod clock;
mod floor;
mod machine;
mod measure;
mod memory;
mod path;
mod pki;
mod plot;
mod report;
mod scenario;
mod serve;
mod tcp;

use std::process::ExitCode;

/// How anything here fails: with a text for whoever started it.
pub(crate) type Fallible<T = ()> = Result<T, Box<dyn core::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match words.split_first() {
        Some((&"serve", rest)) => serve::run(rest),
        Some((&"client", rest)) => client::run(rest),
        Some((&"tcp-run", rest)) => tcp::run(rest),
        Some((&"path-end", rest)) => path::run_end(rest),
        Some((&"path-relay", rest)) => path::run_relay(rest),
        Some((&"tcp-many", rest)) => tcp::run_many(rest),
        _ => measure::run(&words),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
