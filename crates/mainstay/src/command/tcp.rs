//! `mainstay tcp`: one bare connection, over the system's stack or ours, with figures; or a test with iperf3.

mod flow;
mod ground;
mod iperf3;
mod kernel;
#[cfg(target_os = "linux")]
mod own;
mod report;
#[cfg(target_os = "linux")]
mod trace;

use super::args::{self, Role};
use super::exit::{Exit, Failure};

/// Runs one connection, or one test, to its end.
pub(crate) fn run(args: &args::Tcp) -> Result<(), Failure> {
    if args.address.port() == 0 {
        return Err(Failure::new(Exit::Usage, "port 0 leads nowhere: name a port".to_owned()));
    }
    let asks = args.send.is_some() || args.for_time.is_some() || args.reverse || args.parallel != 1;
    if args.iperf3 && args.role == Role::Listen && asks {
        let words = "what is sent, and how, says iperf3's client: not with listen".to_owned();
        return Err(Failure::new(Exit::Usage, words));
    }
    match super::setup::network(&args.own) {
        None if args.iperf3 => iperf3::run(args, &mut ground::kernel::Kernel::new(args)?),
        None => kernel::run(args),
        #[cfg(target_os = "linux")]
        Some((config, link)) if args.iperf3 => {
            iperf3::run(args, &mut ground::own::Own::new(args, config, link)?)
        }
        #[cfg(target_os = "linux")]
        Some((config, link)) => own::run(args, config, &link),
        #[cfg(not(target_os = "linux"))]
        Some(_) => Err(Failure::new(Exit::Usage, "links are for Linux only".to_owned())),
    }
}
