//! Words no text may hold: unfinished business, and names of the machine somebody wrote it on.

use super::Source;

/// Debris. Put together here, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
];

/// Folders of one machine; they count only where a path begins.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Where packages are fetched from is the affair of whoever fetches: mirrors differ from machine to machine.
const REGISTRIES: &[&str] = &[
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("crates.io", "-index"),
    concat!("pypi.", "org"),
    concat!("files.", "pythonhosted.org"),
    concat!("registry.", "npmjs.org"),
    concat!("proxy.", "golang.org"),
    concat!("deb.", "debian.org"),
    concat!("[source", ".crates-io]"),
];

pub(super) fn check(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let at = || format!("{}:{}", source.path, index + 1);
        // The specification quotes other projects, their unfinished business too.
        let ours = !source.path.starts_with("docs/spec/");
        if let Some(word) = UNFINISHED.iter().find(|w| ours && line.contains(**w)) {
            findings
                .push(format!("{}: {word}: finish it, or name it where limits are named", at()));
        }
        if let Some(folder) = MACHINE.iter().find(|f| begins_path(line, f)) {
            findings.push(format!("{}: {folder} is a folder of one machine", at()));
        }
        if let Some(host) = REGISTRIES.iter().find(|h| line.contains(**h)) {
            findings.push(format!("{}: {host}: no file names where packages come from", at()));
        }
    }
    findings
}

/// Whether `folder` stands in `line` as the front of an absolute path.
fn begins_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|l| l.chars().next_back());
        !before
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '}' | '*'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Source::new("a.md", text)).len()
    }

    #[test]
    fn debris_and_places_are_found() {
        assert_eq!(count(concat!("// FIX", "ME: later")), 1);
        assert_eq!(count(concat!("cd /wo", "rk/x")), 1);
        assert_eq!(count(concat!("in `/ro", "ot/x`")), 1);
        assert_eq!(count(concat!("curl https://pypi.", "org/simple")), 1);
    }

    #[test]
    fn paths_below_something_are_nobodys_machine() {
        assert_eq!(count(concat!("target/wo", "rk/x and ../ro", "ot/y")), 0);
        assert_eq!(count("https://crates.io is a page"), 0);
    }
}
