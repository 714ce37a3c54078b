//! Files and functions longer than the alarm, and the list of those that may be.

use super::Source;
use std::collections::BTreeSet;

/// chosen: STYLE.md; a file aims at 100 to 400 lines without its tests.
const FILE_LINES_MAX: usize = 600;
/// chosen: the same number as clippy's `too_many_lines`, but counted as a reader scrolls: blank lines and words too.
const FUNCTION_LINES_MAX: usize = 70;

pub(super) const ALLOW_LIST: &str = "xtask/allow.txt";
/// How many entries the list may have. Lower it whenever the list gets shorter; it never rises.
const ALLOWED_MAX: usize = 0;

/// Everything too long that is not on the list, and every entry of the list that is not needed.
pub(super) fn check<'a>(sources: impl Iterator<Item = &'a Source>, list: &str) -> Vec<String> {
    let allowed: BTreeSet<&str> =
        list.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let mut needed = BTreeSet::new();
    let mut findings = Vec::new();
    for source in sources.filter(|s| !s.is_test()) {
        for (key, finding) in too_long(source) {
            if allowed.contains(key.as_str()) {
                needed.insert(key);
            } else {
                findings.push(finding);
            }
        }
    }
    let idle = allowed.iter().filter(|&&key| !needed.contains(key));
    findings.extend(idle.map(|key| format!("{ALLOW_LIST}: {key} is short enough now: remove it")));
    if allowed.len() > ALLOWED_MAX {
        findings.push(format!(
            "{ALLOW_LIST}: {} entries, {ALLOWED_MAX} allowed: the list may only shrink",
            allowed.len()
        ));
    }
    findings
}

/// What is too long in one file, by the key the allow list knows it under.
fn too_long(source: &Source) -> Vec<(String, String)> {
    let path = &source.path;
    let mut found = Vec::new();
    let lines = source.untested().count();
    if lines > FILE_LINES_MAX {
        found.push((
            path.clone(),
            format!(
                "{path}: {lines} lines without tests, alarm at {FILE_LINES_MAX}: one concern each"
            ),
        ));
    }
    for (line, name, len) in functions(source) {
        if len > FUNCTION_LINES_MAX {
            let finding =
                format!("{path}:{line}: {name} has {len} lines, alarm at {FUNCTION_LINES_MAX}");
            found.push((format!("{path} {name}"), finding));
        }
    }
    found
}

/// Line, name and length of every function outside the tests. Relies on rustfmt: the closing brace stands where `fn` began.
fn functions(source: &Source) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, usize, String)> = None;
    for (index, line) in source.untested().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = function_name(line.trim_start()) {
            open = Some((index, indent, name.to_owned()));
        } else if let Some((start, depth, name)) = &open
            && indent == *depth
            && line.trim() == "}"
        {
            found.push((start + 1, name.clone(), index - start + 1));
            open = None;
        }
    }
    found
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line;
    loop {
        if let Some(name) = rest.strip_prefix("fn ") {
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
            return Some(&name[..end]);
        }
        let (word, after) = rest.split_once(' ')?;
        let modifier = word.starts_with("pub")
            || matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"");
        if !modifier {
            return None;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(name: &str, lines: usize) -> String {
        format!("pub(crate) const fn {name}() {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    fn findings(path: &str, text: &str, list: &str) -> Vec<String> {
        check([Source::new(path, text)].iter(), list)
    }

    #[test]
    fn the_alarm_is_at_seventy_lines_of_function() {
        assert!(findings("a.rs", &long("short", 70), "").is_empty());
        assert_eq!(findings("a.rs", &long("long", 71), "").len(), 1);
    }

    #[test]
    fn tests_do_not_make_a_file_long() {
        let text = format!("{}#[cfg(test)]\n{}", "x\n".repeat(600), "y\n".repeat(900));
        assert!(findings("a.rs", &text, "").is_empty());
        assert_eq!(findings("a.rs", &"x\n".repeat(601), "").len(), 1);
        assert!(findings("crates/a/tests/b.rs", &"x\n".repeat(601), "").is_empty());
        assert_eq!(findings("tests/support/src/b.rs", &"x\n".repeat(601), "").len(), 1);
    }

    #[test]
    fn an_entry_of_the_list_excuses_but_the_list_may_not_grow() {
        let excused = findings("a.rs", &long("long", 99), "a.rs long");
        assert_eq!(excused, ["xtask/allow.txt: 1 entries, 0 allowed: the list may only shrink"]);
        let idle = findings("a.rs", &long("short", 9), "# why\na.rs short\n");
        assert!(idle[0].contains("remove it"));
    }
}
