//! The command line: `mainstay new`, `check`, `explain`, `schema`, `run`, `send`, `listen`, `tcp`.
//!
//! `args` says what may be asked and does nothing; every other file does one thing. Payload goes to
//! standard output; faults, refusals and logs go to standard error.

mod args;
mod attempt;
mod check;
mod document;
mod ending;
mod exit;
mod explain;
mod feed;
mod journal;
mod keep;
mod lines;
mod link;
mod listen;
mod logs;
mod reason;
mod send;
pub mod session;
mod setup;
mod signals;
mod source;
mod table;
mod tcp;

use args::{Args, Command};
use clap::Parser;
use exit::{Exit, Failure};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the command line; the first argument is the program's name.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            let printed = exit::unless_closed(error.print());
            return match printed {
                // Nowhere is left to say that this could not be printed.
                _ if error.use_stderr() => Exit::Usage.into(),
                Ok(()) => Exit::Done.into(),
                Err(failure) => {
                    failure.tell();
                    failure.code.into()
                }
            };
        }
    };
    match act(args.command) {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            failure.tell();
            failure.code.into()
        }
    }
}

fn act(command: Command) -> Result<(), Failure> {
    match command {
        Command::New { url } => {
            let text = mainstay_policy::first_policy(&url)
                .map_err(|error| Failure::new(Exit::Usage, format!("{url}: {error}")))?;
            print(&text)
        }
        Command::Check(check) => check::run(&check),
        Command::Explain(wanted) => explain::run(&wanted),
        Command::Schema => print(&format!("{:#}\n", mainstay_policy::schema())),
        Command::Run(run) => {
            logs::start(&run.device);
            session::run(&run)
        }
        Command::Send(send) => {
            logs::start(&send.one.device);
            send::run(&send)
        }
        Command::Listen(listen) => {
            logs::start(&listen.one.device);
            listen::run(&listen)
        }
        Command::Tcp(wanted) => tcp::run(&wanted),
    }
}

/// Writes text to standard output; who closed it wants no more.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    exit::unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}
