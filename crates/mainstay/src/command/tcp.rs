//! `mainstay tcp`: one bare connection, over the system's stack or ours, with figures.

mod flow;
mod kernel;
#[cfg(target_os = "linux")]
mod own;
mod report;
#[cfg(target_os = "linux")]
mod trace;

use super::args;
use super::exit::{Exit, Failure};

/// Runs one connection to its end.
pub(crate) fn run(args: &args::Tcp) -> Result<(), Failure> {
    if args.address.port() == 0 {
        return Err(Failure::new(Exit::Usage, "port 0 leads nowhere: name a port".to_owned()));
    }
    match super::setup::network(&args.own) {
        None => kernel::run(args),
        #[cfg(target_os = "linux")]
        Some((config, link)) => own::run(args, config, link),
        #[cfg(not(target_os = "linux"))]
        Some(_) => Err(Failure::new(Exit::Usage, "links are for Linux only".to_owned())),
    }
}
