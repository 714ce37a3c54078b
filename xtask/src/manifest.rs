//! As much of a Cargo manifest as the checks need: its package, features and dependencies by kind.

use crate::tree;
use std::path::Path;

/// One crate's manifest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) package: String,
    /// Relative to the workspace's root.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<String>,
    pub(crate) dev_dependencies: Vec<String>,
    pub(crate) features: Vec<String>,
}

/// The manifests of all members, by folder.
pub(crate) fn all(root: &Path) -> Vec<Manifest> {
    let named = |p: &Path| p.file_name().is_some_and(|n| n == "Cargo.toml");
    let mut manifests = Vec::new();
    for path in tree::files(root, &["toml"]).into_iter().filter(|p| named(p)) {
        let mut manifest = parse(&tree::text(&path).unwrap_or_default());
        if manifest.package.is_empty() {
            continue;
        }
        manifest.folder = path.parent().map(|p| tree::shown(root, p)).unwrap_or_default();
        manifests.push(manifest);
    }
    manifests
}

/// Reads a manifest's text. Enough of TOML for manifests as people write them: sections, keys, values over lines.
pub(crate) fn parse(text: &str) -> Manifest {
    let mut manifest = Manifest::default();
    let mut section = String::new();
    let mut depth = 0_i32;
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if depth == 0 && line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
            if let Some((kind, name)) = dependency_table(&section) {
                add(&mut manifest, kind, name);
            }
            continue;
        }
        let inside = depth > 0;
        depth += balance(line);
        if inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        take(&mut manifest, &section, key.trim().trim_matches('"'), value.trim());
    }
    manifest
}

fn take(manifest: &mut Manifest, section: &str, key: &str, value: &str) {
    let name = key.split('.').next().unwrap_or(key);
    match section {
        "package" if key == "name" => manifest.package = unquoted(value).to_owned(),
        "features" => manifest.features.push(name.to_owned()),
        _ => {
            let kind = section.rsplit('.').next().unwrap_or(section);
            let renamed =
                value.split_once("package = \"").and_then(|(_, rest)| rest.split('"').next());
            add(manifest, kind, renamed.unwrap_or(name));
        }
    }
}

fn add(manifest: &mut Manifest, kind: &str, name: &str) {
    match kind {
        "dependencies" | "build-dependencies" => manifest.dependencies.push(name.to_owned()),
        "dev-dependencies" => manifest.dev_dependencies.push(name.to_owned()),
        _ => {}
    }
}

/// `[dependencies.foo]` and `[target.'cfg(unix)'.dependencies.foo]` name one dependency each.
fn dependency_table(section: &str) -> Option<(&str, &str)> {
    let (before, name) = section.rsplit_once('.')?;
    let kind = before.rsplit('.').next().unwrap_or(before);
    matches!(kind, "dependencies" | "dev-dependencies" | "build-dependencies")
        .then_some((kind, name))
}

fn balance(line: &str) -> i32 {
    line.chars()
        .map(|c| {
            if matches!(c, '[' | '{') {
                1
            } else if matches!(c, ']' | '}') {
                -1
            } else {
                0
            }
        })
        .sum()
}

fn unquoted(value: &str) -> &str {
    value.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_in_every_form() {
        let manifest = parse(
            "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { version = \"1\", features = [\n \"c\",\n] }\nd = { package = \"e\", version = \"1\" } # why\n[dependencies.f]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\ng = \"1\"\n[dev-dependencies]\nh = \"1\"\n[features]\npeers = []\n",
        );
        assert_eq!(manifest.package, "x");
        assert_eq!(manifest.dependencies, ["a", "b", "e", "f", "g"]);
        assert_eq!(manifest.dev_dependencies, ["h"]);
        assert_eq!(manifest.features, ["peers"]);
    }
}
