//! Autobahn's fuzzing server: hundreds of ways to misuse WebSocket, and a verdict on the client for each.

use crate::{Peer, Ready, Site, wait_until};
use core::time::Duration;
use std::path::{Path, PathBuf};

/// Its report is written in one go, after the client has asked for it.
const REPORT: &str = "autobahn/index.json";

/// A started fuzzing server. A client runs case N at `/runCase?case=N&agent=NAME` and ends with `/updateReports?agent=NAME`.
#[derive(Debug)]
pub struct Autobahn {
    /// The guard and the log.
    pub peer: Peer,
    site: Site,
    cases: usize,
}

/// What it says of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The case: `7.1.5` say.
    pub case: String,
    /// `OK`, `NON-STRICT`, `INFORMATIONAL`, `FAILED`, ..
    pub behavior: String,
    /// The same of how the connection was closed.
    pub close: String,
}

impl Autobahn {
    /// Whether it is installed: it wants a Python 2.7, and is the one optional peer.
    #[must_use]
    pub fn is_there() -> bool {
        wstest().exists()
    }

    /// Starts it with these cases: `1.*`, `6.4.*`, ..
    #[must_use]
    pub fn start(site: &Site, port: u16, cases: &[&str]) -> Self {
        assert!(
            Self::is_there(),
            "autobahntestsuite is missing: `cargo xtask peers` installs it where there is a Python 2.7"
        );
        let folder = site.folder("autobahn");
        let quoted: Vec<String> = cases.iter().map(|c| format!("\"{c}\"")).collect();
        let spec = site.write(
            "autobahn/spec.json",
            format!(
                "{{\"url\": \"ws://127.0.0.1:{port}\", \"outdir\": \"{}\", \"cases\": [{}], \"exclude-cases\": [], \"exclude-agent-cases\": {{}}}}",
                folder.display(),
                quoted.join(", ")
            ),
        );
        // Without its page for browsers, which would be at 8080 for everybody.
        let args = ["-m", "fuzzingserver", "-s", spec.to_str().unwrap(), "-u", "0"];
        let peer = site.start("autobahn", &wstest(), &args, &Ready::Port(port));
        let mut server = Self { peer, site: site.clone(), cases: 0 };
        server.peer.wait_for("Cases = ");
        let log = server.peer.log();
        let announced = log.split_once("will run ").and_then(|(_, rest)| rest.split(' ').next());
        server.cases = announced.and_then(|n| n.parse().ok()).unwrap();
        server
    }

    /// How many cases it runs.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// Its verdicts, once the client has asked for the report.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Judged> {
        let done = wait_until(Duration::from_secs(10), || {
            judged(&self.site.read(REPORT)).len() == self.cases
        });
        let verdicts = judged(&self.site.read(REPORT));
        assert!(
            done,
            "{} of {} cases reported; its log:\n{}",
            verdicts.len(),
            self.cases,
            self.peer.log()
        );
        verdicts
    }
}

impl Judged {
    /// Whether the client behaved: anything but a failure, on the way and at the close.
    #[must_use]
    pub fn is_good(&self) -> bool {
        [&self.behavior, &self.close]
            .into_iter()
            .all(|b| matches!(b.as_str(), "OK" | "NON-STRICT" | "INFORMATIONAL"))
    }
}

fn wstest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .join("target/peers/py27/bin/wstest")
}

/// Reads the report: it is written line by line, a case's name on the line above its facts.
fn judged(report: &str) -> Vec<Judged> {
    let mut verdicts = Vec::new();
    let (mut case, mut behavior) = (String::new(), String::new());
    for line in report.lines() {
        let Some((key, value)) = line.trim().trim_end_matches(',').split_once(": ") else {
            continue;
        };
        let (key, value) = (key.trim_matches('"'), value.trim_matches('"'));
        match key {
            "behavior" => value.clone_into(&mut behavior),
            "behaviorClose" => {
                let close = value.to_owned();
                verdicts.push(Judged { case: case.clone(), behavior: behavior.clone(), close });
            }
            _ if value == "{" => key.clone_into(&mut case),
            _ => {}
        }
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_case_by_case() {
        let report = "{\n \"agent\": {\n  \"1.1.1\": {\n   \"behavior\": \"OK\",\n   \"behaviorClose\": \"OK\",\n   \"duration\": 1\n  },\n  \"7.1.5\": {\n   \"behavior\": \"OK\",\n   \"behaviorClose\": \"FAILED\",\n";
        let verdicts = judged(report);
        assert_eq!(verdicts.len(), 2);
        assert!(verdicts[0].is_good());
        assert_eq!(verdicts[1].case, "7.1.5");
        assert!(!verdicts[1].is_good());
    }
}
