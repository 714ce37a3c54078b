//! The lists of what others test, and what here covers the same: each row leads somewhere.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The families of packetdrill's TCP scripts (section 11.4 of the specification).
const FAMILIES: &[&str] = &[
    "blocking",
    "close",
    "cubic",
    "cwnd_moderation",
    "ecn",
    "eor",
    "epoll",
    "fast_recovery",
    "fast_retransmit",
    "fastopen",
    "gro",
    "inq",
    "ioctl",
    "limited_transmit",
    "md5",
    "mss",
    "mtu_probe",
    "nagle",
    "notsent_lowat",
    "sack",
    "sendfile",
    "shutdown",
    "slow_start",
    "splice",
    "syscall_bad_arg",
    "tcp_info",
    "timestamping",
    "ts_recent",
    "user_timeout",
    "validate",
    "zerocopy",
];
/// Those that are purely a matter of sockets (TCP-720).
const SOCKETS: &[&str] =
    &["blocking", "epoll", "ioctl", "inq", "sendfile", "splice", "syscall_bad_arg", "md5"];
/// Tests of smoltcp, and of lwIP with its generated ones, at the pins of section 0.2.
const SITUATIONS: [(&str, usize); 2] = [("smoltcp:", 194), ("lwIP:", 40 + 16)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/scripts/tcp").join(name)).unwrap()
}

/// Whether these words name scripts that run, and after `also` files that are there.
fn leads_somewhere(words: &[&str]) -> bool {
    let mut parts = words.splitn(2, |word| *word == "also");
    let (scripts, files) = (parts.next().unwrap_or(&[]), parts.next().unwrap_or(&[]));
    let script = |name: &&str| {
        let path = format!("tests/scripts/tcp/{name}.script");
        !name.starts_with("open/") && root().join(path).exists()
    };
    !scripts.is_empty()
        && scripts.iter().all(script)
        && files.iter().all(|f| root().join(f).exists())
}

// Deferred TCP-706: the simulation builds of OpenThread, lwIP and smoltcp are no programs a test can start here; Linux is
// the peer in tests/peers, and what the others do differently stands in the specification.

// Covers TCP-720
#[test]
fn each_family_of_packetdrill_has_scripts_of_our_own() {
    let text = read("families.txt");
    for family in FAMILIES {
        let line = text.lines().find(|line| line.split(' ').next() == Some(family));
        let words: Vec<&str> = line.unwrap_or(family).split_whitespace().skip(1).collect();
        match words.split_first() {
            Some((&"script", rest)) => assert!(leads_somewhere(rest), "{family}: {rest:?}"),
            Some((&"sockets", why)) => {
                assert!(SOCKETS.contains(family) && !why.is_empty(), "{family} is not only that");
            }
            _ => unreachable!("{family} has no row"),
        }
    }
}

// Covers TCP-721
#[test]
fn each_situation_others_test_is_shown_by_scripts_of_our_own() {
    let (mut counts, mut suite) = (BTreeMap::new(), "");
    for line in read("situations.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if line.starts_with("  ") {
            for word in words {
                if word.ends_with(':') {
                    suite = word;
                } else {
                    *counts.entry(suite.to_owned()).or_insert(0) += 1;
                }
            }
            continue;
        }
        match words.split_first() {
            Some((&"script", rest)) => assert!(leads_somewhere(rest), "{line}"),
            Some((&"elsewhere", files)) => {
                assert!(files.iter().all(|file| root().join(file).exists()), "{line}");
            }
            _ => {}
        }
    }
    for (suite, count) in SITUATIONS {
        assert_eq!(counts.get(suite), Some(&count), "{suite}");
    }
}
