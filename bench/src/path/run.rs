//! One connection from its namespaces to its figures.

use super::ground::{Ground, LINK, path};
use super::{End, FAR, NEAR};
use crate::Fallible;
use crate::measure::read;
use crate::report::number;
use core::time::Duration;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Where the near end's frames go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Through a TAP to the kernel.
    Direct,
    /// Through a TAP to the relay, and from it through another to the kernel.
    Relayed {
        /// What the relay does to frames, both ways.
        link: String,
        /// What is drawn.
        seed: u64,
        /// Frames may stand for several segments.
        offload: bool,
    },
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The near end: `kernel`, `own`, `own-offload`, `smoltcp`.
    pub(super) near: &'static str,
    /// Whether it sends; else it takes.
    pub(super) sends: bool,
    /// Of whichever end sends.
    pub(super) congestion: &'static str,
    pub(super) way: Way,
    pub(super) window: [Duration; 2],
    pub(super) buffer: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    /// Bytes a second that the taker had, in the window.
    pub(super) rate: f64,
    /// All bytes that the taker had.
    pub(super) total: u64,
    /// CPU time of the near end, the far end and the relay, in nanoseconds.
    pub(super) cpu: [u64; 3],
    /// CPU time of the whole machine meanwhile, of whatever kind but idle, in nanoseconds.
    pub(super) machine: u64,
    /// Frames through the relay, those more than a millisecond late, the latest in microseconds.
    pub(super) relay: [u64; 3],
}

/// A process that does not outlive its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Ended already is as good.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// What a process gets beyond its window before it is given up on.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often is looked whether something has happened.
const STEP: Duration = Duration::from_millis(10);

/// Runs it, in namespaces of its own.
pub(super) fn run(myself: &Path, plan: &Plan) -> Fallible<Outcome> {
    let Way::Relayed { link, seed, offload } = &plan.way else { return direct(myself, plan) };
    let near = Ground::new((plan.near == "kernel").then_some(NEAR))?;
    let far = Ground::new(Some(FAR))?;
    let ports = [&near, &far].map(|ground| format!("tap:{LINK}@{}", ground.name));
    let mut words = vec!["path-relay".to_owned()];
    words.extend(ports);
    words.extend([link.clone(), seed.to_string()]);
    words.push(if *offload { "on" } else { "off" }.to_owned());
    let mut relay = start(myself, &words)?;
    ready(&mut relay)?;
    wait_up(&near)?;
    wait_up(&far)?;
    let link = if plan.near == "kernel" { "-".to_owned() } else { format!("packet:{LINK}") };
    let mut outcome = ends(myself, plan, &near.name, &far.name, link)?;
    let line = finish(relay, PATIENCE)?;
    let [frames, late, latest, cpu] = read(&line, ["frames", "late", "latest_us", "cpu_ns"])?;
    let [memory, refused] = read(&line, ["memory", "refused"])?;
    if memory + refused > 0 {
        return Err(format!("the relay could not keep up: {line}").into());
    }
    outcome.relay = [frames, late, latest];
    outcome.cpu[2] = cpu;
    Ok(outcome)
}

fn direct(myself: &Path, plan: &Plan) -> Fallible<Outcome> {
    let ground = Ground::new(Some(FAR))?;
    ends(myself, plan, &ground.name, &ground.name, format!("tap:{LINK}"))
}

/// Both ends, the kernel's first.
fn ends(myself: &Path, plan: &Plan, near: &str, far: &str, link: String) -> Fallible<Outcome> {
    let far = End {
        who: "kernel".to_owned(),
        listens: true,
        sends: !plan.sends,
        congestion: plan.congestion.to_owned(),
        link: "-".to_owned(),
        window: plan.window,
        buffer: plan.buffer,
        namespace: far.to_owned(),
    };
    let near = End {
        who: plan.near.to_owned(),
        listens: false,
        sends: plan.sends,
        link,
        namespace: near.to_owned(),
        ..far.clone()
    };
    let before = machine_ns()?;
    let command = |end: &End| -> Vec<String> {
        core::iter::once("path-end".to_owned()).chain(end.words()).collect()
    };
    let mut listening = start(myself, &command(&far))?;
    ready(&mut listening)?;
    let connecting = start(myself, &command(&near))?;
    let patience = plan.window[1] + PATIENCE;
    let near = finish(connecting, patience)?;
    let far = finish(listening, PATIENCE)?;
    let machine = machine_ns()?.saturating_sub(before);
    let names = ["bytes", "wall_ns", "total", "cpu_ns"];
    let (near, far) = (read(&near, names)?, read(&far, names)?);
    let [bytes, wall, total, _] = if plan.sends { far } else { near };
    if wall == 0 {
        return Err(format!("{} took nothing in its window", plan.near).into());
    }
    Ok(Outcome {
        rate: number(bytes) / number(wall) * 1e9,
        total,
        cpu: [near[3], far[3], 0],
        machine,
        relay: [0; 3],
    })
}

fn start(myself: &Path, words: &[String]) -> Fallible<Process> {
    let mut command = Command::new(myself);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(Process(command.spawn()?))
}

/// Waits for its first line, byte by byte, so that the rest stays where it is.
fn ready(process: &mut Process) -> Fallible {
    let output = process.0.stdout.as_mut().ok_or("no output")?;
    let mut line = String::new();
    let mut one = BufReader::with_capacity(1, output);
    one.read_line(&mut line)?;
    if line.trim() == "ready" {
        return Ok(());
    }
    let _status = process.0.wait();
    Err(said(process).into())
}

/// Ends its input, waits for its end; its last line.
fn finish(mut process: Process, patience: Duration) -> Fallible<String> {
    drop(process.0.stdin.take());
    let started = Instant::now();
    let status = loop {
        if let Some(status) = process.0.try_wait()? {
            break status;
        }
        if started.elapsed() > patience {
            return Err("a process that should have ended has not".into());
        }
        std::thread::sleep(STEP);
    };
    if !status.success() {
        return Err(said(&mut process).into());
    }
    let mut text = String::new();
    process.0.stdout.take().ok_or("no output")?.read_to_string(&mut text)?;
    Ok(text.lines().last().unwrap_or_default().to_owned())
}

fn said(process: &mut Process) -> String {
    let mut words = String::new();
    if let Some(mut errors) = process.0.stderr.take() {
        let _count = errors.read_to_string(&mut words);
    }
    format!("a process failed: {}", words.trim())
}

/// Waits until the kernel has noticed that the link is served; before, it drops what it sends.
fn wait_up(ground: &Ground) -> Fallible {
    let started = Instant::now();
    loop {
        let words = ["-n", &ground.name, "link", "show", LINK];
        let shown = Command::new("ip").args(words).output()?;
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        if shown.contains("state UP") || shown.contains("state UNKNOWN") {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("{}: {shown}", path(&ground.name).display()).into());
        }
        std::thread::sleep(STEP);
    }
}

/// CPU time of the machine since its start, all kinds but idle and waiting. A tick is 10 ms, whatever the kernel's is.
fn machine_ns() -> Fallible<u64> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let ticks: Vec<u64> =
        line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _wait, irq, softirq, ..] = ticks[..] else {
        return Err("no figures in /proc/stat".into());
    };
    Ok((user + nice + system + irq + softirq) * 10_000_000)
}
