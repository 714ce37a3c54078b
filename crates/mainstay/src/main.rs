//! The `mainstay` command.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    mainstay::command::run(std::env::args_os())
}
