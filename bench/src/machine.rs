//! Where and with what something was measured.

use std::fs;
use std::process::Command;

/// Whose versions count, as the lock file names them.
const CRATES: &[&str] = &[
    "rustls",
    "ring",
    "tokio",
    "tokio-tungstenite",
    "tungstenite",
    "hyper",
    "h2",
    "rumqttc",
    "smoltcp",
];

/// What the table says about the machine: name and value.
pub(crate) fn facts() -> Vec<(String, String)> {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let count = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let mut facts = vec![
        ("CPU".to_owned(), format!("{model}, {count} logical")),
        ("Linux".to_owned(), first_line("/proc/sys/kernel/osrelease")),
        ("rustc".to_owned(), said("rustc", &["--version"])),
        ("cc".to_owned(), said("cc", &["--version"])),
        ("OpenSSL".to_owned(), said("openssl", &["version"])),
        ("mosquitto".to_owned(), said("mosquitto", &["-h"])),
        ("load before".to_owned(), first_line("/proc/loadavg")),
    ];
    facts.extend(versions());
    facts
}

/// The machine in one line.
pub(crate) fn line() -> String {
    let facts = facts();
    let words: Vec<String> = facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    words.join(" · ")
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}

fn said(program: &str, args: &[&str]) -> String {
    let sbin = format!("/usr/sbin/{program}");
    let ask = |program: &str| Command::new(program).args(args).output();
    let Ok(output) = ask(program).or_else(|_| ask(&sbin)) else { return "absent".to_owned() };
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().next().unwrap_or("unknown").to_owned()
}

/// From the lock file this program was built with.
fn versions() -> Vec<(String, String)> {
    let lock = include_str!("../../Cargo.lock");
    let mut found = Vec::new();
    for package in lock.split("[[package]]") {
        let field = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_matches(['"', ' ', '=']).to_owned())
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && CRATES.contains(&name.as_str())
        {
            found.push((name, version));
        }
    }
    found
}
