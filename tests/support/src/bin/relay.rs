//! A bad link between two interfaces of this kernel, until its input ends: `relay --help`.

#![forbid(unsafe_code)]

use core::time::Duration;
use mainstay_impair::Impairment;
use mainstay_test_support::frame_relay::{Capture, LinkPort, Relay, WORDS, Way, describe, parse};
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
relay --a PORT --b PORT [--ab WORDS] [--ba WORDS] [--both WORDS] [--seed N] [--offload auto|on|off]
      [--pcap PREFIX] [--seconds N]

Carries Ethernet frames between two ports, as badly as it is told. Needs root. Best built with --release.

PORT       tap:NAME[@NETNS]  a TAP interface, made if it is not there; the kernel that uses it has its addresses on it
           if:NAME[@NETNS]   any Ethernet interface that is up, such as one end of a veth whose other end is in use
--ab       what happens to frames from a to b, --ba from b to a, --both to both: a list of words with commas
--seed     what is drawn follows from it (1)
--offload  whether the kernel may leave segmentation and checksums open: quicker, and rate and delay are right, but single
           segments can neither be lost nor damaged. auto: on if the words need no single segments. Off with if: the
           other side has to be told: ethtool -K IF tso off gso off gro off tx off
--pcap     writes PREFIX-a.pcap and PREFIX-b.pcap, what each port saw
--seconds  how long; otherwise until standard input ends or says stop

It says `ready` when frames pass. Lines of standard input: `ab WORDS`, `ba WORDS`, `both WORDS` (another link from now on),
`report`, `stop`. Each is answered with a line that begins with `ok` or `error`. At the end it reports.

WORDS:
";

struct Options {
    ports: [String; 2],
    links: [Impairment; 2],
    seed: u64,
    offload: Option<bool>,
    pcap: Option<String>,
    seconds: Option<u64>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help") {
        say(&format!("{USAGE}{WORDS}"));
        return ExitCode::SUCCESS;
    }
    let done = read(&args).and_then(run);
    if let Err(words) = done {
        let _ = writeln!(io::stderr(), "relay: {words}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn read(args: &[String]) -> Result<Options, String> {
    let mut options = Options {
        ports: [String::new(), String::new()],
        links: [parse("")?, parse("")?],
        seed: 1,
        offload: None,
        pcap: None,
        seconds: None,
    };
    for pair in args.chunks(2) {
        let [flag, value] = pair else { return Err(format!("{}: and then? --help", pair[0])) };
        let number = || value.parse().map_err(|_| format!("{flag} {value}: not a number"));
        match flag.as_str() {
            "--a" => options.ports[0].clone_from(value),
            "--b" => options.ports[1].clone_from(value),
            "--ab" => options.links[0] = parse(value)?,
            "--ba" => options.links[1] = parse(value)?,
            "--both" => options.links = [parse(value)?, parse(value)?],
            "--seed" => options.seed = number()?,
            "--seconds" => options.seconds = Some(number()?),
            "--pcap" => options.pcap = Some(value.clone()),
            "--offload" => {
                options.offload = match value.as_str() {
                    "auto" => None,
                    "on" => Some(true),
                    "off" => Some(false),
                    _ => return Err(format!("{flag} {value}: auto, on or off")),
                }
            }
            _ => return Err(format!("{flag}: no such flag; --help")),
        }
    }
    Ok(options)
}

fn run(options: Options) -> Result<(), String> {
    let single = options.links.iter().any(Impairment::wants_single_segments);
    let offload = options.offload.unwrap_or(!single);
    let [a, b] = &options.ports;
    let open =
        |words: &str| LinkPort::open(words, offload).map_err(|e| format!("port {words:?}: {e}"));
    let ports = [open(a)?, open(b)?];
    let capture = |end: &str| {
        let path =
            options.pcap.as_ref().map(|prefix| PathBuf::from(format!("{prefix}-{end}.pcap")));
        path.map(|path| Capture::create(&path).map_err(|e| format!("{}: {e}", path.display())))
            .transpose()
    };
    let captures = [capture("a")?, capture("b")?];
    let relay =
        Relay::start(ports, options.links, options.seed, captures).map_err(|e| e.to_string())?;
    say("ready");
    if let Some(seconds) = options.seconds {
        std::thread::sleep(Duration::from_secs(seconds));
    } else {
        listen(&relay, offload);
    }
    say(&report(&relay));
    relay.stop().map_err(|e| e.to_string())
}

/// Obeys standard input until it ends.
fn listen(relay: &Relay, offload: bool) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let (order, words) = line.split_once(' ').unwrap_or((&line, ""));
        let ways: &[Way] = match order {
            "ab" => &[Way::AToB],
            "ba" => &[Way::BToA],
            "both" => &[Way::AToB, Way::BToA],
            "report" => {
                say(&report(relay));
                continue;
            }
            "stop" => return,
            _ => {
                say("error no such order: ab, ba, both, report, stop");
                continue;
            }
        };
        match parse(words) {
            Ok(link) if offload && link.wants_single_segments() => {
                say("error needs single segments: start with --offload off");
            }
            Ok(link) => {
                ways.iter().for_each(|way| relay.set(*way, link.clone()));
                say(&format!("ok {line}"));
            }
            Err(words) => say(&format!("error {words}")),
        }
    }
}

fn report(relay: &Relay) -> String {
    match relay.report() {
        Some([there, back]) => format!("ok ab: {}\nok ba: {}", describe(&there), describe(&back)),
        None => "error a port failed".to_owned(),
    }
}

fn say(words: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads: then nobody misses it.
    let _ = writeln!(out, "{words}").and_then(|()| out.flush());
}
