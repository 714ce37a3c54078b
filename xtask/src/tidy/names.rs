//! Names that say nothing. Owns the list; a name is judged word by word, so `Handled` is not `Handle`.

use super::Source;

/// Words no file and no type is named with: each means "the rest".
const BANNED: &[&str] = &[
    "manager", "helper", "helpers", "util", "utils", "common", "handler", "impl", "inner", "data",
    "misc",
];

/// Where "handler" is the word the application knows: what it gives us to be called in the loop.
const HANDLED: &[&str] = &["crates/mainstay/", "crates/capi/"];

/// How no function's name begins.
const BANNED_PREFIXES: &[&str] = &["process_", "do_", "get_"];

pub(super) fn check(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut findings = Vec::new();
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.trim_end_matches(".rs");
    let handled = HANDLED.iter().any(|folder| path.starts_with(folder));
    let banned = |word: &str| BANNED.contains(&word) && !(handled && word == "handler");
    if let Some(word) = stem.split('_').find(|w| banned(w)) {
        findings.push(format!("{path}: no file is named with `{word}`"));
    }
    // Code shared by the tests of one crate has no other form.
    if stem == "mod" && !source.is_test() {
        findings.push(format!("{path}: a module is `name.rs` beside its folder, never mod.rs"));
    }
    for (index, line) in source.text.lines().enumerate() {
        let Some((kind, name)) = declared(line.trim_start()) else { continue };
        let bad = if kind == "fn" {
            // `get_mut` is what the standard library calls it.
            BANNED_PREFIXES
                .iter()
                .find(|p| name != "get_mut" && name.starts_with(**p))
                .map(|p| (*p).to_owned())
        } else {
            words(name).into_iter().find(|w| banned(w))
        };
        if let Some(word) = bad {
            findings
                .push(format!("{path}:{}: {kind} {name}: no name has `{word}` in it", index + 1));
        }
    }
    findings
}

/// `struct Name`, `enum Name`, `trait Name`, `type Name` and `fn name`, whatever their visibility.
fn declared(line: &str) -> Option<(&'static str, &str)> {
    let mut rest = line;
    loop {
        for kind in ["struct", "enum", "trait", "type", "fn"] {
            if let Some(name) = rest.strip_prefix(kind).and_then(|r| r.strip_prefix(' ')) {
                let end =
                    name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
                return Some((kind, &name[..end]));
            }
        }
        let (word, after) = rest.split_once(' ')?;
        if !(word.starts_with("pub") || matches!(word, "const" | "async" | "unsafe")) {
            return None;
        }
        rest = after;
    }
}

/// `ConnMap2` gives `conn` and `map2`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        match words.last_mut() {
            Some(word) if !c.is_uppercase() => word.push(c),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn names_that_mean_the_rest_are_found() {
        assert_eq!(count("crates/a/src/string_utils.rs", ""), 1);
        assert_eq!(count("crates/a/src/b/mod.rs", ""), 1);
        for text in [
            "pub struct ConnManager;",
            "pub(crate) enum InnerState {",
            "trait EventHandler {",
            "type DataMap = u8;",
            "pub const fn get_state() {",
            "    fn do_send(&self) {",
        ] {
            assert_eq!(count("a.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn a_handler_is_what_the_application_gives_us_and_nothing_else() {
        assert_eq!(count("crates/mainstay/src/handler.rs", "pub trait Handler {"), 0);
        assert_eq!(count("crates/stream/src/handler.rs", "pub trait Handler {"), 2);
    }

    #[test]
    fn words_that_only_look_alike_are_not() {
        for text in [
            "pub struct Datagram;",
            "enum Simple { A }",
            "fn doing() {}",
            "fn get_mut(&mut self) {}",
            "fn gets() {}",
            "struct Implicit;",
            "impl Inner for X {}",
        ] {
            assert_eq!(count("commonly.rs", text), 0, "{text}");
        }
    }
}
