//! `cargo xtask tidy`: what a reviewer would otherwise have to say again and again.
//!
//! Reads text and nothing else, so it takes no part in what the compiler and clippy already judge.

mod documents;
mod names;
mod rules;
mod sizes;
mod words;

use crate::{Findings, manifest, tree};
use std::path::Path;

/// A file and what stands in it.
pub(crate) struct Source {
    /// Relative to the workspace's root.
    path: String,
    text: String,
}

impl Source {
    #[cfg(test)]
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The text up to the first test module.
    fn untested(&self) -> impl Iterator<Item = &str> {
        self.text.lines().take_while(|l| !l.starts_with("#[cfg(test)]"))
    }

    /// Whether this is code of a test or a benchmark, where long tables are no fault.
    fn is_test(&self) -> bool {
        let in_crate = self.path.strip_prefix("tests/support/").unwrap_or(&self.path);
        in_crate.split('/').any(|part| matches!(part, "tests" | "benches" | "examples" | "fuzz"))
    }

    /// The folder of the crate this file belongs to, if that crate may not touch the outside world.
    fn below_host(&self) -> Option<&str> {
        let name = self.path.strip_prefix("crates/")?.split('/').next()?;
        (!matches!(name, "host" | "mainstay" | "capi")).then_some(name)
    }
}

/// What is written in words: everything but lock files and pictures.
const TEXT: &[&str] = &[
    "rs", "toml", "md", "txt", "sh", "py", "json", "jsonc", "yml", "yaml", "conf", "script", "c",
    "h",
];

pub(crate) fn run(_args: &[String]) -> Findings {
    let root = tree::root();
    let texts = read(&root);
    let mut findings = Vec::new();
    let allowed = tree::text(&root.join(sizes::ALLOW_LIST)).unwrap_or_default();
    findings.extend(sizes::check(texts.iter().filter(|s| s.path.ends_with(".rs")), &allowed));
    for source in texts.iter().filter(|s| s.path.ends_with(".rs")) {
        findings.extend(names::check(source));
        findings.extend(rules::check(source));
    }
    findings.extend(texts.iter().flat_map(words::check));
    let manifests = manifest::all(&root);
    findings.extend(rules::crates(&manifests, &texts));
    findings.extend(documents::check(&root, &manifests, &texts));
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn read(root: &Path) -> Vec<Source> {
    let mut paths = tree::files(root, TEXT);
    paths.push(root.join(".ci/run"));
    let sources = paths
        .iter()
        .filter_map(|p| Some(Source { path: tree::shown(root, p), text: tree::text(p)? }));
    sources.collect()
}
