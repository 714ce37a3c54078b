//! Rules of Rust source that no lint knows: where unsafe may be, where numbers come from, why a test does not run.

use super::Source;
use crate::manifest::Manifest;

/// chosen: STYLE.md; features are for building less, not for behaving otherwise.
const CFG_PER_THOUSAND_MAX: usize = 5;

/// Crates in which unsafe code may stand, each in one file.
const UNSAFE: &[(&str, &str)] =
    &[("crates/host", "crates/host/src/sys"), ("crates/capi", "crates/capi/src/ffi")];

/// What gives a static a value that changes, or hides one in a thread.
const CHANGING: &[&str] = &[
    "Atomic", "Mutex", "RwLock", "OnceLock", "OnceCell", "LazyLock", "LazyCell", "Once", "RefCell",
    "Cell<",
];

/// The forms in which a number says where it comes from: a document's section, a registry, a reason. A requirement's id is one too.
const SOURCES: &[&str] = &["RFC ", "§", "IANA", "chosen:", "measured:"];

/// The rules that one file can keep or break.
pub(super) fn check(source: &Source) -> Vec<String> {
    let mut findings = disabled_tests(source);
    if source.below_host().is_some() && !source.is_test() {
        findings.extend(statics(source));
    }
    if source.path.ends_with("/limits.rs") {
        findings.extend(sourceless(source));
    }
    findings
}

/// A disabled test says why: `#[ignore = "reason"]`, also inside `cfg_attr`.
fn disabled_tests(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("#[") {
            continue;
        }
        // An attribute may run over lines; rustfmt closes it with `)]`.
        let end = lines[index..].iter().position(|l| l.trim_end().ends_with(']')).unwrap_or(0);
        let joined = lines[index..=index + end].join(" ");
        // What stands in quotes is not code: every second piece.
        let code = joined.split('"').step_by(2).collect::<Vec<_>>().join(" ");
        let split = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '='));
        let words: Vec<&str> = split.filter(|w| !w.is_empty()).collect();
        let disabled = words.iter().position(|&w| w == "ignore");
        if disabled.is_some_and(|at| words.get(at + 1) != Some(&"=")) {
            findings.push(format!(
                "{}:{}: a test that does not run says why",
                source.path,
                index + 1
            ));
        }
    }
    findings
}

/// Below `host` nothing changes but what a caller owns.
fn statics(source: &Source) -> Vec<String> {
    let bad = |line: &str| {
        let line = line.trim_start();
        let item =
            line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
        item.starts_with("thread_local!")
            || item.starts_with("static mut ")
            || item.starts_with("static ") && CHANGING.iter().any(|kind| item.contains(kind))
    };
    let found = source.untested().enumerate().filter(|(_, line)| bad(line));
    found
        .map(|(index, _)| format!("{}:{}: below host no static may change", source.path, index + 1))
        .collect()
}

/// Every constant of a limits.rs says where its number comes from.
fn sourceless(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    let mut words = String::new();
    let mut reading = false;
    for (index, line) in source.untested().enumerate() {
        let line = line.trim();
        let comment = line.starts_with("//");
        if comment && !reading || line.is_empty() {
            words.clear();
        }
        reading = comment;
        if comment {
            words.push_str(line);
        } else if is_constant(line) {
            // Constants without words of their own share those above the first.
            if !(SOURCES.iter().any(|s| words.contains(s)) || names_requirement(&words)) {
                findings.push(format!(
                    "{}:{}: a limit says where it comes from: RFC, IANA, chosen: or measured:",
                    source.path,
                    index + 1
                ));
            }
        }
    }
    findings
}

fn is_constant(line: &str) -> bool {
    let item = line
        .strip_prefix("pub(crate) ")
        .or_else(|| line.strip_prefix("pub(super) "))
        .or_else(|| line.strip_prefix("pub "));
    let item = item.unwrap_or(line);
    item.starts_with("const ") && !item.starts_with("const fn ")
}

fn names_requirement(words: &str) -> bool {
    !crate::trace::find_ids(words).is_empty()
}

/// The rules that a crate keeps or breaks as a whole.
pub(super) fn crates(manifests: &[Manifest], sources: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests {
        let folder = format!("{}/", manifest.folder);
        let own: Vec<&Source> = sources
            .iter()
            .filter(|s| s.path.starts_with(&folder) && s.path.ends_with(".rs"))
            .collect();
        let exempt = UNSAFE.iter().any(|(crate_folder, _)| *crate_folder == manifest.folder);
        for root in own.iter().filter(|s| is_crate_root(&s.path, &folder)) {
            if !exempt && !root.text.contains("#![forbid(unsafe_code)]") {
                findings.push(format!("{}: says #![forbid(unsafe_code)]", root.path));
            }
        }
        if exempt {
            findings.extend(unsafe_elsewhere(&own));
        } else {
            findings.extend(unsafe_allowed(&own));
        }
        findings.extend(configured(&manifest.folder, &own));
    }
    findings
}

fn is_crate_root(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|p| {
        matches!(p, "src/lib.rs" | "src/main.rs")
            || p.starts_with("src/bin/") && p.matches('/').count() == 2
    })
}

/// The workspace denies unsafe code, so a file that has some, tests too, has to ask for it.
fn unsafe_allowed(own: &[&Source]) -> Vec<String> {
    const ASKS: [&str; 2] = [concat!("expect(", "unsafe_code"), concat!("allow(", "unsafe_code")];
    let asking = own.iter().filter(|source| ASKS.iter().any(|ask| source.text.contains(ask)));
    asking.map(|source| format!("{}: only host and capi may be unsafe", source.path)).collect()
}

fn unsafe_elsewhere(own: &[&Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in own.iter().filter(|s| !UNSAFE.iter().any(|(_, file)| s.path.starts_with(file))) {
        for (index, line) in source.untested().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            if ["unsafe {", "unsafe fn ", "unsafe impl "].iter().any(|form| code.contains(form)) {
                findings.push(format!(
                    "{}:{}: unsafe stands in one file of its crate",
                    source.path,
                    index + 1
                ));
            }
        }
    }
    findings
}

/// How much of a crate is cut by `cfg(`, tests aside.
fn configured(folder: &str, own: &[&Source]) -> Option<String> {
    let lines: usize = own.iter().map(|s| s.untested().count()).sum();
    let cuts: usize =
        own.iter().flat_map(|s| s.untested()).map(|l| l.matches("cfg(").count()).sum();
    // A small crate may have two without being a maze.
    let limit = (lines * CFG_PER_THOUSAND_MAX / 1000).max(2);
    let maze = cuts > limit && folder != "xtask";
    maze.then(|| format!("{folder}: {cuts} times cfg( in {lines} lines, alarm at {limit}: optional parts are crates"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn a_disabled_test_gives_its_reason() {
        assert_eq!(count("a.rs", "#[test]\n#[ignore]\nfn a() {}"), 1);
        assert_eq!(count("a.rs", "#[cfg_attr(miri, ignore)]"), 1);
        assert_eq!(count("a.rs", "#[cfg_attr(\n    not(feature = \"peers\"),\n    ignore\n)]"), 1);
        assert_eq!(count("a.rs", "#[ignore = \"needs root\"]"), 0);
        assert_eq!(
            count(
                "a.rs",
                "#[cfg_attr(not(feature = \"peers\"), ignore = \"cargo xtask ci runs it\")]"
            ),
            0
        );
        assert_eq!(count("a.rs", "#[expect(clippy::x, reason = \"we ignore it\")]"), 0);
    }

    #[test]
    fn statics_that_change_stay_in_host() {
        for text in [
            "static COUNT: AtomicU32 = AtomicU32::new(0);",
            "pub static mut X: u8 = 0;",
            "thread_local! {",
        ] {
            assert_eq!(count("crates/http/src/a.rs", text), 1, "{text}");
            assert_eq!(count("crates/host/src/a.rs", text), 0, "{text}");
        }
        assert_eq!(count("crates/http/src/a.rs", "static NAMES: [&str; 1] = [\"a\"];"), 0);
    }

    #[test]
    fn a_limit_says_where_it_comes_from() {
        assert_eq!(
            count("crates/a/src/limits.rs", "/// How many.\npub const A_MAX: usize = 3;"),
            1
        );
        for source in ["RFC 9112 §5", "IANA", "chosen: enough", "measured: bench", "SS-440"] {
            let text = format!(
                "/// How many. {source}\npub(crate) const A_MAX: usize = 3;\npub const B_MAX: usize = 4;"
            );
            assert_eq!(count("crates/a/src/limits.rs", &text), 0, "{source}");
        }
        assert_eq!(count("crates/a/src/other.rs", "pub const A_MAX: usize = 3;"), 0);
        let second = "/// One. IANA\nconst A: u8 = 3;\n/// Two.\nconst B: u8 = 4;";
        assert_eq!(count("crates/a/src/limits.rs", second), 1);
    }

    // Covers LAY-187
    #[test]
    fn only_the_os_base_and_the_c_interface_may_be_unsafe() {
        let allowed =
            UNSAFE.iter().all(|(folder, _)| ["crates/host", "crates/capi"].contains(folder));
        assert!(allowed);
        for (folder, wrong) in [("crates/layers", 1), ("crates/tls", 1), ("crates/host", 0)] {
            let manifest = Manifest { folder: folder.to_owned(), ..Manifest::default() };
            let root = Source::new(&format!("{folder}/src/lib.rs"), "//! A.\n");
            let asks = concat!("#![forbid(unsafe_code)]\n#![expect(", "unsafe_code)]\n");
            let test = Source::new(&format!("{folder}/tests/a.rs"), asks);
            assert_eq!(crates(&[manifest], &[root, test]).len(), 2 * wrong, "{folder}");
        }
    }

    #[test]
    fn a_crate_forbids_unsafe_and_is_no_maze() {
        let manifest = Manifest { folder: "crates/a".to_owned(), ..Manifest::default() };
        let complaints = |text: &str| {
            crates(core::slice::from_ref(&manifest), &[Source::new("crates/a/src/lib.rs", text)])
                .len()
        };
        assert_eq!(complaints("//! A.\n#![forbid(unsafe_code)]\n"), 0);
        assert_eq!(complaints("//! A.\n"), 1);
        assert_eq!(complaints(&format!("#![forbid(unsafe_code)]\n{}", "#[cfg(x)]\n".repeat(3))), 1);
    }
}
