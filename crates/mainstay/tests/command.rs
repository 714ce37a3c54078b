//! The command, run as users run it: against the demo's peers, on loopback.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use core::time::Duration;
use demo::peers::{Certificates, Endpoint, Peers};
use demo::site;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};

/// How long anything may take. chosen: far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with the demo's policy and this run's overlay.
struct Site {
    folder: PathBuf,
    peers: Peers,
}

impl Site {
    fn new(name: &str) -> Self {
        Self::trusting(name, None)
    }

    /// `authority` instead of the peers' own.
    fn trusting(name: &str, authority: Option<&Certificates>) -> Self {
        let peers = Peers::start().unwrap();
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("policy.json"), site::POLICY).unwrap();
        let certificates = authority.unwrap_or_else(|| peers.certificates());
        let overlay = site::overlay(peers.ports(), certificates);
        std::fs::write(folder.join("overlay.json"), overlay).unwrap();
        Self { folder, peers }
    }

    /// `mainstay COMMAND policy.json --overlay overlay.json ARGS`.
    fn command(&self, command: &str, args: &[&str]) -> Command {
        let mut program = mainstay(&[command, "policy.json", "--overlay", "overlay.json"]);
        program.args(args).current_dir(&self.folder);
        program
    }

    fn overlay(&self, text: &str) {
        std::fs::write(self.folder.join("more.json"), text).unwrap();
    }
}

fn mainstay(args: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mainstay"));
    program.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

/// Runs to the end with this input; fails the test if that takes too long.
fn run(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let (done, ended) = channel();
    let id = child.id().to_string();
    std::thread::Builder::new()
        .spawn(move || {
            // A command that ends early reads no more.
            let _early = stdin.write_all(&input);
            drop(stdin);
            drop(done.send(child.wait_with_output().unwrap()));
        })
        .unwrap();
    ended.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        let _gone = Command::new("kill").arg(&id).status();
        let output = ended.recv_timeout(PATIENCE).unwrap();
        panic!("the command did not end; it said:\n{}", text(&output.stderr))
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_code(output: &Output, code: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "stdout: {out}\nstderr: {err}");
}

/// A command that runs on; its lines are read as they come.
struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::Builder::new()
            .spawn(move || {
                for line in out.lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
            .unwrap();
        Self { child, lines, seen: String::new() }
    }

    /// Reads on until a line holds all of `words`.
    fn until(&mut self, words: &[&str]) {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                panic!("no line with {words:?} came after:\n{}", self.seen);
            });
            self.seen.push_str(&line);
            self.seen.push('\n');
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end; the rest of the lines.
    fn end(mut self) -> (Option<i32>, String) {
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push_str(&line);
            self.seen.push('\n');
        }
        let code = self.child.wait().unwrap().code();
        (code, core::mem::take(&mut self.seen))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
fn a_first_policy_of_every_scheme_passes_check() {
    for url in
        ["https://a.test/x", "http://a.test", "wss://a.test", "mqtts://a.test/t", "tcp://a.test:7"]
    {
        let written = run(mainstay(&["new", url]), b"");
        assert_code(&written, 0);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("first.json");
        std::fs::write(&path, &written.stdout).unwrap();
        let checked = run(mainstay(&["check", "--strict", path.to_str().unwrap()]), b"");
        assert_code(&checked, 0);
        assert_eq!(text(&checked.stdout), "ok: 1 streamtype\n");
    }
    assert_code(&run(mainstay(&["new", "gopher://a.test"]), b""), 2);
}

/// Compares with the text beside the policy; `UPDATE=1` writes it.
fn snapshot(name: &str, flags: &[&str], code: i32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let mut command = mainstay(&["check"]);
    command.args(flags).arg(format!("{name}.json")).current_dir(&folder);
    let output = run(command, b"");
    assert_code(&output, code);
    let path = folder.join(format!("{name}.txt"));
    let said = text(&output.stderr) + &text(&output.stdout);
    if option_env!("UPDATE").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
}

#[test]
fn check_names_every_fault_and_warning_with_its_place_and_a_hint() {
    snapshot("faults", &[], 3);
    snapshot("syntax", &[], 3);
}

#[test]
fn check_warns_of_unknown_keys_and_strict_refuses_them() {
    snapshot("unknown", &[], 0);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let mut strict = mainstay(&["check", "--strict", "unknown.json"]);
    strict.current_dir(folder);
    assert_code(&run(strict, b""), 3);
}

#[test]
fn wrong_usage_and_missing_files_are_told_apart_from_policy_faults() {
    assert_code(&run(mainstay(&["send"]), b""), 2);
    let missing = run(mainstay(&["check", "/nowhere/policy.json"]), b"");
    assert_code(&missing, 2);
    assert!(text(&missing.stderr).contains("/nowhere/policy.json"));
    let site = Site::new("usage");
    assert_code(&run(site.command("listen", &["nothing"]), b""), 3);
    assert_code(&run(site.command("send", &["status"]), b"x"), 2);
    assert_code(&run(site.command("listen", &["status", "-m", "no=thing"]), b""), 2);
    assert_code(&run(mainstay(&["--help"]), b""), 0);
}

#[test]
fn a_body_is_posted_whole_and_its_answer_printed() {
    let site = Site::new("post");
    let body = vec![b'x'; 200_000];
    let output = run(site.command("send", &["telemetry"]), &body);
    assert_code(&output, 0);
    assert_eq!(text(&output.stdout), r#"{"taken":200000}"#);
    let tally = site.peers.counters().of(Endpoint::Telemetry);
    assert_eq!((tally.messages_in, tally.bytes_in), (1, 200_000));
}

#[test]
fn lines_are_a_request_each_over_http_2_too() {
    let site = Site::new("lines");
    assert_code(&run(site.command("send", &["readings", "--lines"]), b"one\ntwo\nthree\n"), 0);
    let tally = site.peers.counters().of(Endpoint::Readings);
    assert_eq!((tally.messages_in, tally.bytes_in), (3, 11));
}

#[test]
fn a_file_is_sent_with_its_length() {
    let site = Site::new("file");
    std::fs::write(site.folder.join("body"), vec![7; 70_000]).unwrap();
    let mut command = site.command("send", &["telemetry"]);
    command.stdin(std::fs::File::open(site.folder.join("body")).unwrap());
    let output = command.output().unwrap();
    assert_code(&output, 0);
    assert_eq!(site.peers.counters().of(Endpoint::Telemetry).bytes_in, 70_000);
}

#[test]
fn websocket_messages_are_through_when_the_close_handshake_is() {
    let site = Site::new("ws");
    let input: String = (0..500).map(|n| format!("message {n}\n")).collect();
    assert_code(&run(site.command("send", &["echo", "--lines"]), input.as_bytes()), 0);
    let tally = site.peers.counters().of(Endpoint::Echo);
    assert_eq!((tally.messages_in, tally.bytes_in), (500, input.len() as u64 - 500));
    assert_code(&run(site.command("send", &["echo"]), &[b'y'; 100_000]), 0);
    let tally = site.peers.counters().of(Endpoint::Echo);
    assert_eq!((tally.messages_in, tally.bytes_in), (501, input.len() as u64 - 500 + 100_000));
}

#[test]
fn mqtt_messages_are_through_when_the_broker_acknowledged_them() {
    let site = Site::new("mqtt");
    let input: String = (0..100).map(|n| format!("{n}\n")).collect();
    assert_code(&run(site.command("send", &["sensor", "--lines"]), input.as_bytes()), 0);
    assert_code(&run(site.command("send", &["sensor"]), &[b'z'; 50_000]), 0);
    let tally = site.peers.counters().of(Endpoint::Published);
    assert_eq!((tally.messages_in, tally.bytes_in), (101, input.len() as u64 - 100 + 50_000));
}

#[test]
fn listen_writes_payload_alone() {
    let site = Site::new("listen");
    let status = run(site.command("listen", &["feed-a", "--raw", "--count", "1"]), b"");
    assert_code(&status, 0);
    assert_eq!(status.stdout.len(), 256 * 1024);
    let ticks = run(site.command("listen", &["ticker", "--count", "3"]), b"");
    assert_code(&ticks, 0);
    assert_eq!(text(&ticks.stdout), "{\"tick\":1}\n{\"tick\":2}\n{\"tick\":3}\n");
    let command = run(site.command("listen", &["commands", "--count", "1"]), b"");
    assert_code(&command, 0);
    assert!(text(&command.stdout).starts_with("{\"command\":\"sample\""));
    assert!(command.stderr.is_empty(), "nothing is logged unasked");
}

#[test]
fn a_peer_that_refuses_is_told_from_one_that_is_not_there() {
    let mut site = Site::new("refused");
    site.overlay(r#"{ "s": [{ "telemetry": { "http_url": "nothing" } }] }"#);
    let refused = run(site.command("send", &["--overlay", "more.json", "telemetry"]), b"x");
    assert_code(&refused, 4);
    assert!(text(&refused.stderr).contains("HTTP status 404"), "{}", text(&refused.stderr));
    site.peers = Peers::start().unwrap();
    let gone = run(site.command("send", &["telemetry", "--wait", "1"]), b"x");
    assert_code(&gone, 5);
    assert!(text(&gone.stderr).contains("nobody listens there"), "{}", text(&gone.stderr));
}

#[test]
fn a_stranger_is_not_trusted() {
    let stranger = Certificates::new().unwrap();
    let site = Site::trusting("untrusted", Some(&stranger));
    for (command, stream) in [("send", "telemetry"), ("listen", "ticker"), ("listen", "commands")] {
        let output = run(site.command(command, &[stream]), b"x");
        assert_code(&output, 6);
        assert!(text(&output.stderr).contains("certificate"), "{}", text(&output.stderr));
    }
}

#[test]
fn silence_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::new("silent");
    let port = silent.local_addr().unwrap().port();
    site.overlay(&format!(r#"{{ "s": [{{ "ticker": {{ "port": {port} }} }}] }}"#));
    let args = ["--overlay", "more.json", "ticker", "--wait", "1"];
    assert_code(&run(site.command("listen", &args), b""), 7);
}

#[test]
fn a_peer_that_vanishes_with_the_message_leaves_its_outcome_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = std::thread::Builder::new()
        .spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !seen.ends_with(b"secret-payload") {
                let len = stream.read(&mut buffer).unwrap();
                seen.extend_from_slice(&buffer[..len]);
            }
        })
        .unwrap();
    let site = Site::new("vanishes");
    site.overlay(&format!(r#"{{ "s": [{{ "telemetry": {{ "port": {port}, "tls": false }} }}] }}"#));
    std::fs::write(site.folder.join("body"), "secret-payload").unwrap();
    let mut command = site.command("send", &["--overlay", "more.json", "telemetry", "-vvv"]);
    command.stdin(std::fs::File::open(site.folder.join("body")).unwrap());
    let output = command.output().unwrap();
    assert_code(&output, 8);
    let log = text(&output.stderr);
    assert!(log.contains("connecting") && !log.contains("secret-payload"), "{log}");
    peer.join().unwrap();
}

#[test]
fn run_tells_what_arrives_and_ends_in_order_on_sigterm() {
    let site = Site::new("run");
    let mut running = Running::start(site.command("run", &["ticker", "status"]));
    running.until(&["status", "received", "ready"]);
    running.until(&["ticker", "{\"tick\":2}"]);
    running.signal("TERM");
    let (code, seen) = running.end();
    assert_eq!(code, Some(0));
    let place = |words: &str| seen.find(words).unwrap_or_else(|| panic!("{words} in {seen}"));
    assert!(place("ticker  disconnected") < place("ticker  destroying"), "{seen}");
}

#[test]
fn run_ends_by_itself_after_its_time() {
    let site = Site::new("time");
    let output = run(site.command("run", &["ticker", "--for", "0.5"]), b"");
    assert_code(&output, 0);
    assert!(text(&output.stdout).contains("destroying"));
}

#[test]
fn run_rides_out_a_restart_of_the_server() {
    let mut site = Site::new("restart");
    let (ports, certificates) = (site.peers.ports(), site.peers.certificates().clone());
    let mut running = Running::start(site.command("run", &["ticker", "commands"]));
    running.until(&["ticker", "{\"tick\":1}"]);
    // A port of 0 for the moment between: the old ones are free then.
    site.peers = Peers::start().unwrap();
    running.until(&["ticker", "disconnected"]);
    site.peers = Peers::start_on(ports, certificates).unwrap();
    running.until(&["ticker", "{\"tick\":1}"]);
    running.until(&["commands", "received"]);
    running.signal("INT");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn run_reads_the_policy_again_on_sighup_and_lets_unchanged_streams_live() {
    let site = Site::new("reload");
    site.overlay("{}");
    let args = ["--overlay", "more.json", "ticker", "echo"];
    let mut running = Running::start(site.command("run", &args));
    running.until(&["ticker", "{\"tick\":2}"]);
    site.overlay(r#"{ "s": [{ "echo": { "http_url": "ticker" } }] }"#);
    running.signal("HUP");
    running.until(&["echo", "destroying"]);
    running.until(&["echo", "{\"tick\":1}"]);
    site.overlay("{ broken");
    running.signal("HUP");
    running.until(&["ticker", "tick"]);
    running.signal("TERM");
    let (code, seen) = running.end();
    assert_eq!(code, Some(0));
    assert_eq!(seen.matches("ticker  creating").count(), 1, "{seen}");
    assert_eq!(seen.matches("echo    creating").count(), 2, "{seen}");
}

#[test]
fn logs_are_json_on_standard_error_with_the_agreed_fields() {
    let site = Site::new("logs");
    let args = ["ticker", "--count", "1", "-v", "--log", "json"];
    let output = run(site.command("listen", &args), b"");
    assert_code(&output, 0);
    assert_eq!(text(&output.stdout), "{\"tick\":1}\n");
    let log = text(&output.stderr);
    let connected = log.lines().find(|line| line.contains("connected")).unwrap();
    for field in ["\"stream\":\"sscli|0|ticker|", "\"proto\":\"ws\"", "\"state\":\"connected\""] {
        assert!(connected.contains(field), "{connected}");
    }
}

/// A file of this test's own.
fn scratch(name: &str, content: impl AsRef<[u8]>) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn what_is_no_policy_is_refused_at_its_place() {
    for (name, content, said) in [
        (
            "binary",
            b"{ \n \xff".as_slice(),
            "binary:2:2: not UTF-8 text\n  hint: a policy is UTF-8 text",
        ),
        (
            "prose",
            b"not json",
            "prose:1:1: not valid JSON here\n  hint: a policy is one JSON object",
        ),
        ("more", b"{} {}", "more:1:4: not valid JSON here\n  hint: the policy ended before this"),
        ("cert", b"{\"certs\":[{\"c\":\"AA!\"}]}", "hint: `!`, its byte 3, is none of base64"),
    ] {
        let output = run(mainstay(&["check", &scratch(name, content)]), b"");
        assert_code(&output, 3);
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}

#[test]
fn who_names_no_streamtype_of_the_policy_hears_their_names() {
    let policy = r#"{"s":[{"one":{"protocol":"raw"}},{"two":{"protocol":"raw"}}]}"#;
    let path = scratch("names", policy);
    for command in ["explain", "listen", "send", "run"] {
        let output = run(mainstay(&[command, &path, "onne"]), b"");
        assert_code(&output, 3);
        let said = "mainstay: the policy has no streamtype onne; it has one, two\n";
        assert_eq!(text(&output.stderr), said, "{command}");
    }
    let undeclared = run(mainstay(&["explain", &path, "one", "-m", "no=thing"]), b"");
    assert_code(&undeclared, 2);
    assert!(text(&undeclared.stderr).contains("declares no metadata no"));
}

#[test]
fn a_topic_that_is_not_given_is_asked_for() {
    let policy = r#"{"s":[{"up":{"endpoint":"127.0.0.1","port":9,"protocol":"mqtt",
        "mqtt_topic":"site/${room}","metadata":[{"room":""}]}}]}"#;
    let output = run(mainstay(&["send", &scratch("topic", policy), "up"]), b"x");
    assert_code(&output, 2);
    assert_eq!(text(&output.stderr), "mainstay: up: its mqtt_topic needs a value: -m room=VALUE\n");
}

#[test]
fn input_that_cannot_be_read_is_told_and_no_input_is_done() {
    let site = Site::new("input");
    let mut command = site.command("send", &["echo"]);
    command.stdin(std::fs::File::open(&site.folder).unwrap());
    let output = command.output().unwrap();
    assert_code(&output, 1);
    assert!(text(&output.stderr).contains("directory"), "{}", text(&output.stderr));
    assert_code(&run(site.command("send", &["echo", "--lines"]), b""), 0);
}

#[test]
fn listening_to_nobody_is_no_success() {
    let site = Site::new("nobody");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    site.overlay(&format!(r#"{{ "s": [{{ "ticker": {{ "port": {free} }} }}] }}"#));
    let args = ["--overlay", "more.json", "ticker", "--for", "0.3"];
    let output = run(site.command("listen", &args), b"");
    assert_code(&output, 5);
    assert!(text(&output.stderr).contains("nobody listens there"));
}

#[test]
fn a_refusal_is_told_with_its_status() {
    let site = Site::new("nack");
    site.overlay(r#"{ "s": [{ "status": { "http_url": "nothing" } }] }"#);
    let listened = run(site.command("listen", &["--overlay", "more.json", "status"]), b"");
    assert_code(&listened, 4);
    assert_eq!(text(&listened.stderr), "mainstay: status: HTTP status 404\n");
    let args = ["--overlay", "more.json", "status", "--for", "0.5"];
    let ran = text(&run(site.command("run", &args), b"").stdout);
    assert!(ran.contains("status  qos nack remote: HTTP status 404"), "{ran}");
    assert!(!ran.contains("received 0 bytes"), "{ran}");
}

#[test]
fn a_hangup_ends_listening_in_order() {
    let site = Site::new("hangup");
    let mut running = Running::start(site.command("listen", &["ticker"]));
    running.until(&["{\"tick\":1}"]);
    running.signal("HUP");
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn who_reads_no_further_ends_the_command_without_a_word() {
    let site = Site::new("head");
    for (command, stream) in [("run", "ticker"), ("listen", "ticker")] {
        let mut command = site.command(command, &[stream]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    }
    let mut full = mainstay(&["--help"]);
    full.stdout(std::fs::File::options().write(true).open("/dev/full").unwrap());
    assert_code(&full.output().unwrap(), 1);
}
