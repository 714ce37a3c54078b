//! The process that carries frames between two links, as badly as it is told, until its input ends.

use crate::Fallible;
use crate::clock::cpu_ns;
use mainstay_test_support::frame_relay::{LinkPort, Relay, Report, parse};
use std::io::Read as _;

/// `A B WORDS SEED OFFLOAD`: two ports, what happens to frames both ways, what is drawn, `on` or `off`.
pub(crate) fn run(words: &[&str]) -> Fallible {
    let [a, b, link, seed, offload] = words else { return Err("path-relay: five words".into()) };
    let offload = *offload == "on";
    let ports = [LinkPort::open(a, offload)?, LinkPort::open(b, offload)?];
    let relay = Relay::start(ports, [parse(link)?, parse(link)?], seed.parse()?, [None, None])?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let reports = relay.report().ok_or("a port failed")?;
    relay.stop()?;
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    println!(
        "frames={} late={} latest_us={} lost={} queue={} memory={} refused={} cpu_ns={}",
        sum(|report| report.counters.output.frames),
        sum(|report| report.late),
        reports.iter().map(|report| report.latest.as_micros()).max().unwrap_or_default(),
        sum(|report| report.counters.loss.frames),
        sum(|report| report.counters.queue.frames),
        sum(|report| report.counters.memory.frames),
        sum(|report| report.refused),
        cpu_ns(),
    );
    Ok(())
}
