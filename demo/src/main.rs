//! The README's first command: streams of every protocol against peers from other people's
//! libraries, for a few seconds. With a policy of your own it is `mainstay run`.

#![forbid(unsafe_code)]

use demo::show;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let given: Vec<OsString> = std::env::args_os().skip(1).collect();
    if !given.is_empty() {
        let run = ["mainstay", "run"].map(OsString::from);
        return mainstay::command::run(run.into_iter().chain(given));
    }
    let shown = show::play(show::PLAY, false).and_then(|shown| {
        show::tell(&shown)?;
        Ok(shown.agreed)
    });
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Nowhere is left to say that this could not be written.
            let _lost = writeln!(io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}
