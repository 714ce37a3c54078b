//! Documents that must be true: every crate has its paragraph, every path exists, every dependency its reason.

use super::Source;
use crate::manifest::Manifest;
use std::collections::BTreeSet;
use std::path::Path;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// chosen: what a newcomer reads in one sitting.
const ARCHITECTURE_LINES_MAX: usize = 250;
const DEPENDENCIES: &str = "docs/dependencies.md";

/// Endings by which a word in backticks is taken for the name of a file.
const FILE_ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".txt", ".json"];

pub(super) fn check(root: &Path, manifests: &[Manifest], sources: &[Source]) -> Vec<String> {
    let text = |path: &str| sources.iter().find(|s| s.path == path).map_or("", |s| s.text.as_str());
    let mut findings = architecture(text(ARCHITECTURE), manifests);
    for path in paths(text(ARCHITECTURE)).into_iter().filter(|p| !root.join(p).exists()) {
        findings.push(format!("{ARCHITECTURE}: {path} does not exist"));
    }
    findings.extend(dependencies(text(DEPENDENCIES), manifests));
    findings
}

fn architecture(text: &str, manifests: &[Manifest]) -> Vec<String> {
    let named: BTreeSet<&str> = quoted(text).into_iter().collect();
    let absent = manifests.iter().filter(|m| !named.contains(m.folder.as_str()));
    let mut findings: Vec<String> =
        absent.map(|m| format!("{ARCHITECTURE}: says nothing of `{}`", m.folder)).collect();
    let lines = text.lines().count();
    if lines > ARCHITECTURE_LINES_MAX {
        findings.push(format!("{ARCHITECTURE}: {lines} lines, {ARCHITECTURE_LINES_MAX} allowed"));
    }
    findings
}

/// Everything between backticks on one line, code blocks aside.
fn quoted(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// The quoted words that are paths: no blank, and a slash or a file's ending in them.
fn paths(text: &str) -> Vec<&str> {
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let path = |word: &str| {
        word.contains('/') || FILE_ENDINGS.iter().any(|e| word.ends_with(e) && word.len() > e.len())
    };
    quoted(text).into_iter().filter(|w| plain(w) && path(w)).collect()
}

/// Every direct dependency of every crate has a line with its reason: `- `name`: why` or a table row.
fn dependencies(text: &str, manifests: &[Manifest]) -> Vec<String> {
    let reasoned: BTreeSet<&str> = text
        .lines()
        .filter(|l| l.starts_with(['-', '|']))
        .filter_map(|l| l.split('`').nth(1))
        .collect();
    let own: BTreeSet<&str> = manifests.iter().map(|m| m.package.as_str()).collect();
    let used: BTreeSet<&str> = manifests
        .iter()
        .flat_map(|m| m.dependencies.iter().chain(&m.dev_dependencies))
        .map(String::as_str)
        .filter(|name| !own.contains(name))
        .collect();
    let mut findings: Vec<String> = used
        .difference(&reasoned)
        .map(|name| format!("{DEPENDENCIES}: no reason for {name}"))
        .collect();
    findings.extend(
        reasoned
            .difference(&used)
            .map(|name| format!("{DEPENDENCIES}: {name} is not a dependency any more")),
    );
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(folder: &str, dependencies: &[&str]) -> Manifest {
        let dependencies = dependencies.iter().map(|&d| d.to_owned()).collect();
        Manifest {
            package: "x".to_owned(),
            folder: folder.to_owned(),
            dependencies,
            ..Manifest::default()
        }
    }

    #[test]
    fn every_crate_has_its_paragraph() {
        assert_eq!(architecture("### `crates/a`\n", &[manifest("crates/a", &[])]).len(), 0);
        assert_eq!(architecture("### crates/a\n", &[manifest("crates/a", &[])]).len(), 1);
    }

    #[test]
    fn paths_are_told_from_code() {
        let text = "`crates/a/src/b.rs` `Stream::send` `x.rs` `a / b` `/` `handle_input(now)`\n```\n`no/path`\n```\n";
        assert_eq!(paths(text), ["crates/a/src/b.rs", "x.rs", "/"]);
    }

    #[test]
    fn dependencies_and_reasons_match_both_ways() {
        let crates = [manifest("a", &["mio", "slab"])];
        assert!(dependencies("| `mio` | polls |\n- `slab`: ids", &crates).is_empty());
        assert_eq!(dependencies("| `mio` | polls |\n- `gone`: once", &crates).len(), 2);
    }
}
