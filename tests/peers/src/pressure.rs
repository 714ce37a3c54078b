//! Shared by the tests of pressure and of outcomes: the program `pressure` as a peer, its lines as values, big files, and
//! the socket table of the other end.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "scaffolding of tests: what fails here fails the test, with its words; the environment says how long to run"
)]

use core::time::Duration;
use mainstay_test_support::{Peer, Ready, Site, program, wait_until};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Whether the long form of a test is asked for: `MAINSTAY_FULL=1`.
#[must_use]
pub fn is_full() -> bool {
    std::env::var("MAINSTAY_FULL").is_ok_and(|value| value == "1")
}

/// The running program `pressure`.
#[derive(Debug)]
pub struct Device {
    peer: Peer,
}

impl Device {
    /// Starts it on a site; `program` is `env!("CARGO_BIN_EXE_pressure")`, `args` as its head says, after the policy's text.
    #[must_use]
    pub fn start(site: &Site, program: &str, kind: &str, policy: &str, args: &[&str]) -> Self {
        let path = site.write("policy.json", policy);
        // Pages of a program built just now are dirty until they are on disk, and would count as its private memory.
        let _written =
            site.run(&mainstay_test_support::program("sync", "coreutils"), &[program]).ok();
        let all: Vec<&str> = [&[kind, path.to_str().unwrap()][..], args].concat();
        let peer = site.start("pressure", Path::new(program), &all, &Ready::Started);
        Self { peer }
    }

    /// What it said so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let log = self.peer.log();
        // The last line may be half written.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        let read = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}; all:\n{log}"))
        };
        whole.lines().map(read).collect()
    }

    /// The lines of one event.
    #[must_use]
    pub fn all(&self, event: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// Waits for the first line of an event.
    #[must_use]
    pub fn wait(&mut self, event: &str, patience: Duration) -> Value {
        let mut found = None;
        let mut ended = false;
        let _seen = wait_until(patience, || {
            std::thread::sleep(Duration::from_millis(20));
            ended = !self.peer.is_running();
            found = self.all(event).into_iter().next();
            found.is_some() || ended
        });
        found.unwrap_or_else(|| {
            let log = self.peer.log();
            let tail = &log[log.len().saturating_sub(6000)..];
            panic!("no `{event}` within {patience:?} (ended: {ended}); it said:\n{tail}")
        })
    }

    /// Waits until it was so often in a state.
    pub fn wait_state(&self, state: &str, times: usize, patience: Duration) {
        let seen = wait_until(patience, || {
            std::thread::sleep(Duration::from_millis(20));
            self.count_state(state) >= times
        });
        assert!(seen, "not {times} times {state} within {patience:?}:\n{}", self.peer.log());
    }

    /// How often it was in a state.
    #[must_use]
    pub fn count_state(&self, state: &str) -> usize {
        self.all("state").iter().filter(|line| line["state"] == state).count()
    }

    /// Its process.
    #[must_use]
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }
}

/// A number of a line.
#[must_use]
pub fn number(line: &Value, key: &str) -> u64 {
    line[key].as_u64().unwrap_or_else(|| panic!("no {key} in {line}"))
}

/// A Python script of `tests/peers/scripts`, run by the Python that `cargo xtask peers` makes.
#[must_use]
pub fn script(site: &Site, name: &str, script: &str, port: u16, args: &[&str]) -> Peer {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../target/peers/py3/bin/python");
    assert!(python.exists(), "no Python environment: `cargo xtask peers` makes it");
    let path = root.join("scripts").join(script);
    let port_text = port.to_string();
    let mut all = vec!["-u", path.to_str().unwrap(), "--port", &port_text];
    all.extend(args);
    site.start(name, &python, &all, &Ready::Port(port))
}

/// Bytes that nowhere repeat, as a file, and their FNV-1a hash when received `times` times over.
pub fn big_file(site: &Site, path: &str, len: usize, times: usize) -> (PathBuf, String) {
    let mut bytes = Vec::with_capacity(len);
    let mut word = 0_u64;
    while bytes.len() < len {
        // SplitMix64: <https://prng.di.unimi.it/splitmix64.c>.
        word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = word;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..times {
        hash = bytes
            .iter()
            .fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    }
    (site.write(path, bytes), format!("{hash:016x}"))
}

/// What the sender's kernel says of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Bytes written by the peer and not acknowledged by us.
    pub queued: u64,
    /// Bytes acknowledged by us.
    pub acked: u64,
    /// Milliseconds during which our window was what limited the peer.
    pub window_limited_ms: u64,
}

/// Looks at the end of the (one) connection to `port` that the server holds.
#[must_use]
pub fn sender(site: &Site, port: u16) -> Sender {
    let filter = format!("sport = :{port}");
    let text =
        site.run(&program("ss", "iproute2"), &["-tinHO", "state", "established", &filter]).ok();
    let line = text.lines().next().unwrap_or_else(|| panic!("nobody is connected to {port}"));
    let field = |key: &str| {
        let value = line.split_whitespace().find_map(|word| word.strip_prefix(key));
        value.map_or(0, |value| {
            let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().unwrap_or(0)
        })
    };
    // The columns are Recv-Q and Send-Q where a state is asked for.
    let queued = line.split_whitespace().nth(1).and_then(|q| q.parse().ok()).unwrap();
    Sender { queued, acked: field("bytes_acked:"), window_limited_ms: field("rwnd_limited:") }
}
