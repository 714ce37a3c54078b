//! What is measured: one client, one scenario, one process.

mod hyper;
mod job;
mod ours;
mod rumqtt;
mod tungstenite;

pub(crate) use job::{Job, Lap};
pub(crate) use ours::policy;

use crate::{Fallible, memory};

/// `client IMPLEMENTATION PROTOCOL PORT CA|- IN_FLIGHT WARM_UP OPS`: prints operations and time.
pub(crate) fn run(args: &[&str]) -> Fallible {
    let [who, protocol, rest @ ..] = args else {
        return Err("client IMPLEMENTATION PROTOCOL PORT CA|- IN_FLIGHT WARM_UP OPS".into());
    };
    let job = Job::parse(rest)?;
    match (*who, *protocol) {
        ("loop", protocol) => ours::in_the_loop(&job, protocol),
        ("future", protocol) => ours::as_a_future(&job, protocol),
        ("thread", "ws") => ours::on_its_own_thread(&job),
        ("tungstenite", "ws") => on_a_runtime(tungstenite::run(&job, false)),
        ("tungstenite-fed", "ws") => on_a_runtime(tungstenite::run(&job, true)),
        ("hyper", "h1") => on_a_runtime(hyper::one(&job)),
        ("hyper", "h2") => on_a_runtime(hyper::two(&job)),
        ("rumqttc", "mqtt") => on_a_runtime(rumqtt::run(&job)),
        ("idle", "ws") => memory::client(&job),
        _ => Err(format!("nothing measures {who} {protocol}").into()),
    }
}

/// The runtime every peer gets: one thread, no work stealing, which is their cheapest.
fn on_a_runtime(work: impl Future<Output = Fallible>) -> Fallible {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
