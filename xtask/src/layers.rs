//! `cargo xtask layers`: the picture of ARCHITECTURE.md as a table, compared with the real manifests.
//!
//! A crate may name only what its row allows. Vocabulary may be named by anyone; a column uses what lies below it;
//! columns meet in `node`. Development dependencies are free: a test may join what a crate may not.

use crate::manifest::{self, Manifest};
use crate::{Findings, tree};
use std::path::Path;

/// A package and the packages of ours it may name.
const PICTURE: &[(&str, &[&str])] = &[
    // vocabulary
    ("mainstay-base", &[]),
    ("mainstay-policy", &["mainstay-base"]),
    ("mainstay-wire", &[]),
    // the column of packets
    ("mainstay-tcp", &["mainstay-base", "mainstay-wire"]),
    ("mainstay-tcp-io", &["mainstay-base", "mainstay-tcp"]),
    // what a bad link does, for the simulator and for tests
    ("mainstay-impair", &["mainstay-base"]),
    ("mainstay-net", &["mainstay-base", "mainstay-wire", "mainstay-tcp"]),
    // byte machines
    ("mainstay-tls", VOCABULARY),
    ("mainstay-http", VOCABULARY),
    ("mainstay-mqtt", VOCABULARY),
    // the column of streams
    (
        "mainstay-layers",
        &["mainstay-base", "mainstay-policy", "mainstay-tls", "mainstay-http", "mainstay-mqtt"],
    ),
    (
        "mainstay-pool",
        &[
            "mainstay-base",
            "mainstay-policy",
            "mainstay-tls",
            "mainstay-http",
            "mainstay-mqtt",
            "mainstay-layers",
        ],
    ),
    (
        "mainstay-stream",
        &[
            "mainstay-base",
            "mainstay-policy",
            "mainstay-tls",
            "mainstay-http",
            "mainstay-mqtt",
            "mainstay-layers",
            "mainstay-pool",
        ],
    ),
    // the joint
    ("mainstay-node", MACHINES),
    // the driver
    (
        "mainstay-host",
        &["mainstay-base", "mainstay-wire", "mainstay-tcp", "mainstay-net", "mainstay-node"],
    ),
    // edges
    (
        "mainstay",
        &[
            "mainstay-base",
            "mainstay-policy",
            "mainstay-layers",
            "mainstay-pool",
            "mainstay-stream",
            "mainstay-node",
            "mainstay-host",
            "mainstay-impair",
            "mainstay-wire",
            "mainstay-net",
            "mainstay-tcp",
        ],
    ),
    ("mainstay-sim", SIMULATED),
    ("mainstay-firmware", &["mainstay-base", "mainstay-wire", "mainstay-tcp"]),
    ("demo", &["mainstay", "mainstay-policy"]),
    (
        "mainstay-bench",
        &[
            "mainstay",
            "mainstay-base",
            "mainstay-host",
            "mainstay-impair",
            "mainstay-net",
            "mainstay-policy",
            "mainstay-tcp",
            "mainstay-test-support",
            "mainstay-wire",
        ],
    ),
    ("mainstay-fuzz", FUZZED),
    ("mainstay-test-support", &["mainstay-base", "mainstay-host", "mainstay-impair"]),
    (
        "mainstay-peer-tests",
        &[
            "mainstay",
            "mainstay-base",
            "mainstay-host",
            "mainstay-impair",
            "mainstay-net",
            "mainstay-node",
            "mainstay-policy",
            "mainstay-tcp",
            "mainstay-test-support",
            "mainstay-wire",
        ],
    ),
    ("xtask", &[]),
];

const VOCABULARY: &[&str] = &["mainstay-base", "mainstay-policy"];

const MACHINES: &[&str] = &[
    "mainstay-base",
    "mainstay-policy",
    "mainstay-tls",
    "mainstay-http",
    "mainstay-mqtt",
    "mainstay-layers",
    "mainstay-pool",
    "mainstay-stream",
];

const SIMULATED: &[&str] = &[
    "mainstay-base",
    "mainstay-policy",
    "mainstay-tls",
    "mainstay-http",
    "mainstay-mqtt",
    "mainstay-layers",
    "mainstay-pool",
    "mainstay-stream",
    "mainstay-node",
    "mainstay-impair",
    "mainstay-net",
    "mainstay-tcp",
    "mainstay-wire",
];

const FUZZED: &[&str] = &[
    "mainstay",
    "mainstay-base",
    "mainstay-tcp",
    "mainstay-policy",
    "mainstay-tls",
    "mainstay-http",
    "mainstay-mqtt",
    "mainstay-layers",
    "mainstay-stream",
    "mainstay-tcp",
    "mainstay-node",
    "mainstay-sim",
    "mainstay-wire",
];

/// An outside crate and the only packages that may name it; nobody, if the list is empty.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("rustls", &["mainstay-tls", "mainstay-bench", "demo"]),
    ("tokio-rustls", &["mainstay-bench", "demo"]),
    ("rustls-native-certs", &["mainstay-host"]),
    ("libc", &["mainstay-host"]),
    (
        "rustix",
        &["mainstay-host", "mainstay-bench", "mainstay-peer-tests", "mainstay-test-support"],
    ),
    ("mio", &["mainstay-host"]),
    ("socket2", &["mainstay-host"]),
    ("getrandom", &["mainstay-host"]),
    ("signal-hook", &["mainstay"]),
    ("serde_json", &["mainstay-policy", "mainstay-layers", "mainstay", "mainstay-peer-tests"]),
    ("tokio", &["mainstay-http", "mainstay-host", "demo", "mainstay-bench"]),
    ("futures-io", &["mainstay-host"]),
    ("h2", &["mainstay-http"]),
    ("hyper", &["demo", "mainstay-bench"]),
    ("hyper-util", &["demo", "mainstay-bench"]),
    ("futures-util", &["demo", "mainstay-bench"]),
    ("rcgen", &["demo", "mainstay-bench", "mainstay-test-support"]),
    ("tracing", &["mainstay", "mainstay-host"]),
    ("tracing-subscriber", &["mainstay"]),
    ("clap", &["mainstay"]),
    ("crossterm", &["mainstay"]),
    ("embedded-io", &["mainstay-tcp-io"]),
    ("embedded-io-async", &["mainstay-tcp-io"]),
    ("libfuzzer-sys", &["mainstay-fuzz"]),
    ("openssl", &[]),
    ("native-tls", &[]),
    ("rustls-pemfile", &[]),
];

pub(crate) fn run(_args: &[String]) -> Findings {
    let root = tree::root();
    let manifests = manifest::all(&root);
    let mut findings = compare(&manifests);
    findings.extend(strangers(&root));
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn compare(manifests: &[Manifest]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests {
        let package = manifest.package.as_str();
        let Some((_, allowed)) = PICTURE.iter().find(|(name, _)| *name == package) else {
            findings.push(format!(
                "{package}: not in the picture; give it a row in xtask/src/layers.rs"
            ));
            continue;
        };
        for named in manifest.dependencies.iter().map(String::as_str) {
            let ours = named == "mainstay" || named.starts_with("mainstay-") || named == "xtask";
            if ours && !allowed.contains(&named) {
                findings.push(format!(
                    "{package} may not name {named}: it is not below it in the picture"
                ));
            }
            let outside = OUTSIDE.iter().find(|(name, _)| *name == named);
            if let Some((_, users)) = outside
                && !users.contains(&package)
            {
                findings
                    .push(format!("{package} may not name {named}: only {} may", listed(users)));
            }
        }
    }
    for (package, _) in PICTURE {
        if !manifests.iter().any(|m| m.package == *package) {
            findings.push(format!("{package} is in the picture and not in the workspace"));
        }
    }
    findings
}

fn listed(users: &[&str]) -> String {
    if users.is_empty() { "nobody".to_owned() } else { users.join(", ") }
}

/// The demo's peers are other people's libraries: they may name our policy (whose file both ends read) and nothing else
/// of ours, or the demo would show Mainstay talking to itself.
fn strangers(root: &Path) -> Vec<String> {
    let folder = root.join("demo/src");
    let mut findings = Vec::new();
    for path in tree::files(&folder, &["rs"]) {
        let shown = tree::shown(&folder, &path);
        if !(shown == "peers.rs" || shown.starts_with("peers/") || shown.starts_with("peers_")) {
            continue;
        }
        let text = tree::text(&path).unwrap_or_default();
        findings.extend(ours_named(&text).into_iter().map(|name| {
            format!("demo/src/{shown} names {name}: a peer may name only mainstay_policy")
        }));
    }
    findings
}

fn ours_named(text: &str) -> Vec<String> {
    let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
    let mut found: Vec<String> = code
        .flat_map(|line| line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')))
        .filter_map(|path| path.split_once("::").map(|(first, _)| first))
        .filter(|name| {
            (*name == "mainstay" || name.starts_with("mainstay_")) && *name != "mainstay_policy"
        })
        .map(str::to_owned)
        .collect();
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(package: &str, dependencies: &[&str]) -> Manifest {
        let dependencies = dependencies.iter().map(|&d| d.to_owned()).collect();
        Manifest { package: package.to_owned(), dependencies, ..Manifest::default() }
    }

    fn complaints(package: &str, dependencies: &[&str]) -> usize {
        let picture = PICTURE.iter().filter(|(p, _)| *p != package).map(|(p, _)| manifest(p, &[]));
        compare(&picture.chain([manifest(package, dependencies)]).collect::<Vec<_>>()).len()
    }

    #[test]
    fn a_crate_names_what_lies_below_it() {
        assert_eq!(complaints("mainstay-pool", &["mainstay-base", "mainstay-layers", "slab"]), 0);
        assert_eq!(complaints("mainstay-layers", &["mainstay-pool"]), 1);
        assert_eq!(complaints("mainstay-tls", &["mainstay-http"]), 1);
        assert_eq!(complaints("mainstay-host", &["mainstay-stream"]), 1);
        assert_eq!(complaints("mainstay-unknown", &[]), 1);
    }

    #[test]
    fn outside_crates_have_their_one_place() {
        assert_eq!(complaints("mainstay-tls", &["rustls"]), 0);
        assert_eq!(complaints("mainstay-layers", &["rustls"]), 1);
        assert_eq!(complaints("mainstay-node", &["tokio", "libc"]), 2);
        assert_eq!(complaints("mainstay-host", &["native-tls"]), 1);
    }

    #[test]
    fn a_missing_crate_is_noticed() {
        assert_eq!(compare(&[]).len(), PICTURE.len());
    }

    #[test]
    fn a_demo_peer_names_only_the_policy_of_ours() {
        assert_eq!(
            ours_named(
                "use mainstay_policy::Policy;\n// mainstay::Device\nlet x = hyper::server();"
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            ours_named("use mainstay::Device;\nlet x = mainstay_http::h1::Client::new();"),
            ["mainstay", "mainstay_http"]
        );
    }
}
