//! The measuring process: starts a peer, lets everybody run in turn, keeps every sample.

use crate::arguments::{Arguments, TCP};
use crate::scenario::{ALL, IDLE, IDLE_COUNTS, Idle, Scenario};
use crate::serve::Broker;
use crate::{Fallible, floor, machine, path, pki, report, tcp};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// One run of one participant.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) who: &'static str,
    pub(crate) pair: usize,
    pub(crate) ops: u64,
    pub(crate) cpu_ns: u64,
    pub(crate) wall_ns: u64,
}

/// A scenario with what was measured.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) scenario: Scenario,
    pub(crate) samples: Vec<Sample>,
}

/// Growth of memory by a number of idle streams, one per pair.
#[derive(Clone, Debug)]
pub(crate) struct Growth {
    pub(crate) idle: Idle,
    pub(crate) streams: u64,
    pub(crate) bytes: Vec<u64>,
}

/// Everything measured, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) growths: Vec<Growth>,
    pub(crate) tcp: Option<tcp::Findings>,
    pub(crate) path: path::Findings,
    pub(crate) skipped: Vec<String>,
}

/// What all runs share.
struct Bench {
    arguments: Arguments,
    myself: PathBuf,
    folder: PathBuf,
    floor: Option<PathBuf>,
}

/// Where a client finds its peer.
struct Peer {
    port: u16,
    /// Ends with this.
    _life: Life,
}

enum Life {
    Server(Child),
    Broker { _broker: Broker },
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Self::Server(child) = self {
            drop(child.stdin.take());
            let _status = child.wait();
        }
    }
}

/// Measures what the arguments say and writes it down.
pub(crate) fn run(words: &[&str]) -> Fallible {
    let arguments = Arguments::parse(words)?;
    let myself = std::env::current_exe()?;
    let beside = myself.parent().ok_or("no folder")?.join("bench-run");
    fs::create_dir_all(&beside)?;
    pki::make(&beside)?;
    let mut results = Results::default();
    let floor = floor::build(&beside)
        .map_err(|error| results.skip(format!("floor: SKIPPED, {error}")))
        .ok();
    let bench = Bench { arguments, myself, folder: beside, floor };
    println!("{}", machine::line());
    for scenario in ALL.iter().filter(|scenario| bench.arguments.wants(scenario.name)) {
        bench.scenario(scenario, &mut results)?;
    }
    for idle in IDLE.iter().filter(|idle| bench.arguments.wants(idle.name)) {
        bench.idle(*idle, &mut results)?;
    }
    if bench.arguments.wants(TCP) {
        let Arguments { pairs, quick, .. } = bench.arguments;
        let wants = |part: &str| bench.arguments.wants_part(part);
        if wants("memory") {
            results.tcp = Some(tcp::measure(&bench.myself, pairs, quick)?);
        }
        results.path = path::measure(&bench.myself, pairs, quick, wants)?;
    }
    report::write(&results, &bench.arguments, &bench.folder)
}

impl Results {
    fn skip(&mut self, line: String) {
        println!("{line}");
        self.skipped.push(line);
    }
}

impl Bench {
    fn scenario(&self, scenario: &Scenario, results: &mut Results) -> Fallible {
        let Some(peer) = self.peer(scenario.protocol, scenario.tls)? else {
            results.skip(format!("{}: SKIPPED, mosquitto is not installed", scenario.name));
            return Ok(());
        };
        let mut samples = Vec::new();
        for pair in 0..self.arguments.pairs {
            // Everybody in turn, the other way round every second time.
            let mut order: Vec<&'static str> = scenario.who.to_vec();
            if pair % 2 == 1 {
                order.reverse();
            }
            for who in order {
                if let Some(fields) = self.one_run(who, scenario, peer.port)? {
                    let [ops, cpu_ns, wall_ns] = read(&fields, ["ops", "cpu_ns", "wall_ns"])?;
                    samples.push(Sample { who, pair, ops, cpu_ns, wall_ns });
                }
            }
        }
        let outcome = Outcome { scenario: *scenario, samples };
        println!("{}", report::lines(&outcome));
        results.outcomes.push(outcome);
        Ok(())
    }

    fn idle(&self, idle: Idle, results: &mut Results) -> Fallible {
        for &streams in IDLE_COUNTS {
            let peer = self.peer("ws", idle.tls)?.ok_or("no server")?;
            let mut bytes = Vec::new();
            let pairs = if streams > 1000 { 1 } else { self.arguments.pairs };
            for _ in 0..pairs {
                let run = [peer.port.to_string(), self.ca(idle.tls), "32".into(), "1".into()];
                let mut command = Command::new(&self.myself);
                command.args(["client", "idle", "ws"]).args(run).arg(streams.to_string());
                let [grown] = read(&output(&mut command)?, ["bytes"])?;
                bytes.push(grown);
            }
            let growth = Growth { idle, streams, bytes };
            println!("{}", report::growth_line(&growth));
            results.growths.push(growth);
        }
        Ok(())
    }

    /// One process, one participant; `None` for one that is not there.
    fn one_run(&self, who: &str, scenario: &Scenario, port: u16) -> Fallible<Option<String>> {
        let ops = if self.arguments.quick { scenario.ops / 10 } else { scenario.ops };
        let warm_up = (ops / 10).to_string();
        let (port, ops) = (port.to_string(), ops.to_string());
        let (ca, in_flight) = (self.ca(scenario.tls), scenario.in_flight.to_string());
        let mut command = if who.starts_with("floor") {
            let Some(floor) = &self.floor else { return Ok(None) };
            let ahead = if who == "floor-ahead" { "1" } else { "0" };
            let mut command = Command::new(floor);
            let payload = crate::scenario::PAYLOAD.len().to_string();
            command.args(["127.0.0.1", &port, &ca, &in_flight, &payload, &warm_up, &ops, ahead]);
            command
        } else {
            let mut command = Command::new(&self.myself);
            command.args(["client", who, scenario.protocol]);
            command.args([&port, &ca, &in_flight, &warm_up, &ops]);
            command
        };
        output(&mut command).map(Some)
    }

    /// The authority's file, or a dash.
    fn ca(&self, tls: bool) -> String {
        if tls { self.folder.join(pki::CA).display().to_string() } else { "-".to_owned() }
    }

    fn peer(&self, protocol: &str, tls: bool) -> Fallible<Option<Peer>> {
        if protocol == "mqtt" {
            let broker = Broker::start(&self.folder, tls)?;
            return Ok(broker.map(|broker| Peer {
                port: broker.port,
                _life: Life::Broker { _broker: broker },
            }));
        }
        serve(&self.myself, protocol, tls.then_some(&self.folder)).map(Some)
    }
}

fn serve(myself: &Path, kind: &str, folder: Option<&PathBuf>) -> Fallible<Peer> {
    let mut command = Command::new(myself);
    command.args(["serve", kind]).args(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let life = Life::Server(child);
    Ok(Peer { port: line.trim().parse()?, _life: life })
}

/// What a process printed; its failure with its words.
pub(crate) fn output(command: &mut Command) -> Fallible<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}", said.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The numbers of a line `name=number ..`.
pub(crate) fn read<const N: usize>(line: &str, names: [&str; N]) -> Fallible<[u64; N]> {
    let mut numbers = [0; N];
    for (number, name) in numbers.iter_mut().zip(names) {
        let field = line.split_whitespace().filter_map(|field| field.split_once('='));
        let found = field.clone().find(|(key, _)| *key == name);
        *number = found.ok_or_else(|| format!("no {name} in {line:?}"))?.1.parse()?;
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_name() {
        assert_eq!(read("ops=3 cpu_ns=40\n", ["cpu_ns", "ops"]).unwrap(), [40, 3]);
        assert!(read("ops=3", ["bytes"]).is_err());
    }
}
