//! Reads what tests claim to prove, and what waits, out of source text. Owns which citation counts; knows no specification.

use super::ids::{find_ids, loose_id_len};

/// A block with more ids than this proves nothing in particular, and counts for none of them.
pub(crate) const IDS_MAX: usize = 5;

/// A reason has at least so many characters.
const REASON_MIN: usize = 8;

/// What one file claims. Lines count from 1.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) covers: Vec<(String, usize)>,
    pub(crate) deferred: Vec<Deferral>,
    /// Blocks with more than `IDS_MAX` ids.
    pub(crate) too_many: Vec<usize>,
    /// Blocks that name ids and stand above no test that runs.
    pub(crate) loose: Vec<usize>,
    /// Deferrals that give no reason.
    pub(crate) unreasoned: Vec<usize>,
}

/// A requirement that waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Deferral {
    pub(crate) id: String,
    pub(crate) line: usize,
    pub(crate) reason: String,
}

/// The claims of a Rust file.
pub(crate) fn rust(text: &str) -> Claims {
    let lines: Vec<&str> = text.lines().collect();
    let mut claims = Claims::default();
    let mut at = 0;
    while at < lines.len() {
        let len = lines[at..].iter().take_while(|l| is_comment(l)).count();
        if len == 0 {
            at += 1;
            continue;
        }
        let after = at + len;
        deferrals(&lines[at..after], at + 1, &mut claims);
        if let Some(ids) = covered(&lines[at..after]) {
            if ids.len() > IDS_MAX {
                claims.too_many.push(at + 1);
            } else if above_test(&lines[after..]) {
                claims.covers.extend(ids.into_iter().map(|id| (id, at + 1)));
            } else {
                claims.loose.push(at + 1);
            }
        }
        at = after;
    }
    claims
}

/// The claims of a conformance script, made in its head comment.
pub(crate) fn script(text: &str) -> Claims {
    let mut claims = Claims::default();
    let head: Vec<&str> =
        text.lines().take(30).filter(|l| l.trim_start().starts_with('#')).collect();
    if !head.iter().any(|l| l.contains("Covers")) {
        return claims;
    }
    let ids: Vec<String> = head.iter().flat_map(|l| find_ids(l)).collect();
    if ids.len() > IDS_MAX {
        claims.too_many.push(1);
    } else {
        claims.covers.extend(ids.into_iter().map(|id| (id, 1)));
    }
    claims
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// The ids after the word of a claim, up to the first empty comment line; `None` if the word does not stand there.
fn covered(block: &[&str]) -> Option<Vec<String>> {
    let first = block.iter().position(|l| after_word(l, "Covers").is_some())?;
    let mut ids = find_ids(after_word(block[first], "Covers")?);
    for line in block[first + 1..].iter().take_while(|l| l.trim() != "//") {
        ids.extend(find_ids(line));
    }
    Some(ids)
}

/// What follows `word` where it ends at a word's end.
fn after_word<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let mut rest = line;
    while let Some((_, after)) = rest.split_once(word) {
        if !after.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return Some(after);
        }
        rest = after;
    }
    None
}

/// Finds `Deferred ID[, ID]: reason` in a block; the reason may run on over the lines that follow.
fn deferrals(block: &[&str], line: usize, claims: &mut Claims) {
    for (index, text) in block.iter().enumerate() {
        let mut rest = *text;
        while let Some((_, after)) = rest.split_once("Deferred") {
            rest = after;
            let listed = after.trim_start();
            if listed.len() == after.len() || loose_id_len(listed).is_none() {
                continue;
            }
            let (ids, tail) = id_list(listed);
            let following = &block[index + 1..];
            let Some(reason) = tail.strip_prefix(':').and_then(|t| reason(t, following)) else {
                claims.unreasoned.push(line + index);
                continue;
            };
            let made = ids.into_iter().map(|id| Deferral { id, line, reason: reason.clone() });
            claims.deferred.extend(made);
            break;
        }
    }
}

/// Splits `SS-600, SS-601: why` into its ids and what follows them.
fn id_list(text: &str) -> (Vec<String>, &str) {
    let mut rest = text;
    while let Some(len) = loose_id_len(rest) {
        rest = rest[len..].trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    (find_ids(&text[..text.len() - rest.len()]), rest)
}

/// The reason that begins after the colon, or on the line below it; `None` if it is shorter than a reason can be.
fn reason(tail: &str, following: &[&str]) -> Option<String> {
    let (first, following) = match (tail.trim_start(), following.split_first()) {
        ("", Some((next, rest))) => (next.trim_start(), rest),
        (here, _) => (here, following),
    };
    if first.chars().count() < REASON_MIN {
        return None;
    }
    let mut reason = first.trim_start_matches('/').trim().to_owned();
    for line in following {
        let more = line.trim().trim_start_matches(['/', '!']).trim();
        if more.is_empty() || more.contains("Deferred") || more.contains("Covers") {
            break;
        }
        reason.push(' ');
        reason.push_str(more);
    }
    Some(reason)
}

/// Does a test that runs follow, with only attributes, comments or blank lines between?
fn above_test(lines: &[&str]) -> bool {
    let mut found = false;
    for line in lines {
        let line = line.trim_start();
        if line.starts_with("#[ignore") {
            return false;
        }
        if is_test_attribute(line) {
            found = true;
        } else if is_function(line) {
            return found;
        } else if !(is_skippable(line) || found && !opens_item(line)) {
            return false;
        }
    }
    found
}

fn is_skippable(line: &str) -> bool {
    line.is_empty()
        || line.starts_with("#[")
        || line.starts_with("//")
        || line.starts_with(']')
        || line.starts_with(")]")
}

/// `#[test]`, `#[tokio::test]`, `#[rstest]`, `#[case(..)]`, `proptest! {`.
fn is_test_attribute(line: &str) -> bool {
    if line.starts_with("proptest!") || line.starts_with("#[test") {
        return true;
    }
    let Some(path) = line.strip_prefix("#[") else { return false };
    let end =
        path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(path.len());
    path[..end]
        .split("::")
        .any(|segment| matches!(segment, "test" | "rstest" | "test_case" | "case"))
}

fn is_function(line: &str) -> bool {
    let mut rest = line;
    for word in ["pub", "async"] {
        rest = keyword(rest, word).unwrap_or(rest);
    }
    keyword(rest, "fn").is_some()
}

/// What follows `word` and at least one blank.
fn keyword<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let after = line.strip_prefix(word)?;
    let rest = after.trim_start();
    (rest.len() < after.len()).then_some(rest)
}

fn opens_item(line: &str) -> bool {
    let end = line.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(line.len());
    matches!(&line[..end], "mod" | "struct" | "enum" | "impl" | "use" | "const" | "static")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(text: &str) -> Vec<String> {
        rust(text).covers.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn a_block_above_a_test_covers_what_it_names() {
        assert_eq!(covers("// Covers SS-012, SS-013\n#[test]\nfn a() {}"), ["SS-012", "SS-013"]);
        assert_eq!(
            covers("/// Words. Covers TCP-101.\n#[tokio::test]\nasync fn a() {}"),
            ["TCP-101"]
        );
        assert_eq!(
            covers("// Covers LAY-001\nproptest! {\n#[test]\nfn a(x in 0..1) {}"),
            ["LAY-001"]
        );
        assert_eq!(
            covers("// Covers SS-012\n#[test]\n#[cfg_attr(\n  not(x),\n)]\nfn a() {}"),
            ["SS-012"]
        );
    }

    #[test]
    fn an_empty_comment_line_ends_the_list() {
        assert_eq!(
            covers("// Covers SS-012\n//\n// unlike SS-013\n#[test]\nfn a() {}"),
            ["SS-012"]
        );
    }

    #[test]
    fn no_test_below_or_an_ignored_one_is_loose() {
        for text in [
            "// Covers SS-012\nfn a() {}",
            "// Covers SS-012\n#[test]\n#[ignore = \"slow\"]\nfn a() {}",
            "// Covers SS-012\nstruct A;\n#[test]\nfn a() {}",
        ] {
            let claims = rust(text);
            assert!(claims.covers.is_empty(), "{text}");
            assert_eq!(claims.loose, [1], "{text}");
        }
    }

    #[test]
    fn six_ids_in_one_block_count_for_none() {
        let claims =
            rust("// Covers SS-001 SS-002 SS-003 SS-004 SS-005 SS-006\n#[test]\nfn a() {}");
        assert!(claims.covers.is_empty());
        assert_eq!(claims.too_many, [1]);
    }

    #[test]
    fn a_deferral_needs_a_reason_and_may_run_on() {
        let claims =
            rust("// Deferred SS-600, SS-601: needs the offload\n// path of the kernel\nfn a() {}");
        assert_eq!(claims.deferred.len(), 2);
        assert_eq!(claims.deferred[1].reason, "needs the offload path of the kernel");
        assert_eq!(rust("// Deferred SS-600: later").unreasoned, [1]);
        assert_eq!(rust("// Deferred SS-600").unreasoned, [1]);
        assert!(rust("// Deferred until later").unreasoned.is_empty());
    }

    #[test]
    fn a_script_claims_in_its_head() {
        let claims = script("# A segment is sent again.\n# Covers TCP-400, TCP-254\nlisten\n");
        assert_eq!(claims.covers, [("TCP-400".to_owned(), 1), ("TCP-254".to_owned(), 1)]);
        assert!(script("# About TCP-400\nlisten\n").covers.is_empty());
    }
}
