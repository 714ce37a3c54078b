//! Requirement ids in text: where they stand, and which lines define one. Owns the grammar, knows no file.

/// Every prefix a requirement may have. `SS-012`, `TCP-101a`: prefix, dash, three digits, perhaps one letter.
const PREFIXES: &[&str] = &["SS", "SYS", "DNS", "DHCP", "NTP", "SMD", "ATT", "TCP", "LAY"];

/// A requirement of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    /// The line that defines it, shortened.
    pub(crate) text: String,
    /// The letters in brackets near the front: `[P]` gives `P`.
    pub(crate) tags: Vec<String>,
}

/// All ids in `text`, in order, repeated as often as they stand there.
pub(crate) fn find_ids(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(c) = rest.chars().next() else { break };
        let previous = text.get(..at).and_then(|t| t.chars().next_back());
        if !previous.is_some_and(is_word)
            && let Some(len) = id_len(rest)
        {
            found.push(rest[..len].to_owned());
            at += len;
        } else {
            at += c.len_utf8();
        }
    }
    found
}

/// The length of the id `text` begins with, if it begins with one that ends at a word's end.
pub(crate) fn id_len(text: &str) -> Option<usize> {
    let (len, rest) = bare_id(text)?;
    (!rest.chars().next().is_some_and(is_word)).then_some(len)
}

/// As `id_len`, but whatever may follow: the id list of a deferral is read so.
pub(crate) fn loose_id_len(text: &str) -> Option<usize> {
    bare_id(text).map(|(len, _)| len)
}

fn bare_id(text: &str) -> Option<(usize, &str)> {
    for prefix in PREFIXES {
        let Some(rest) = text.strip_prefix(prefix).and_then(|r| r.strip_prefix('-')) else {
            continue;
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits < 3 {
            continue;
        }
        let letter = usize::from(rest.as_bytes().get(3).is_some_and(u8::is_ascii_lowercase));
        let len = prefix.len() + 1 + 3 + letter;
        return Some((len, &text[len..]));
    }
    None
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The requirement this line defines: its id opens a list item, a table row, a heading or a bold run.
pub(crate) fn definition(line: &str) -> Option<Requirement> {
    let trimmed = line.trim_start();
    let body = strip_marker(trimmed).unwrap_or(trimmed);
    let bare = body.strip_prefix("**").or_else(|| body.strip_prefix('`')).unwrap_or(body);
    let len = id_len(bare)?;
    Some(Requirement {
        id: bare[..len].to_owned(),
        text: line.trim().chars().take(150).collect(),
        tags: tags(line),
    })
}

/// What follows `- `, `* `, `| `, `## ` or `3. `.
fn strip_marker(line: &str) -> Option<&str> {
    if let Some(rest) = line.strip_prefix('|') {
        return Some(rest.trim_start());
    }
    let after = if let Some(rest) = line.strip_prefix(['-', '*']) {
        rest
    } else if line.starts_with('#') {
        line.trim_start_matches('#')
    } else {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == line.len() {
            return None;
        }
        rest.strip_prefix('.')?
    };
    let rest = after.trim_start();
    (rest.len() < after.len()).then_some(rest)
}

fn tags(line: &str) -> Vec<String> {
    let head: Vec<char> = line.chars().take(60).collect();
    let mut found: Vec<String> = Vec::new();
    for window in 0..head.len() {
        if head[window] != '[' || !head.get(window + 1).is_some_and(char::is_ascii_uppercase) {
            continue;
        }
        found.push(head[window + 1].to_string());
        if let (Some('/'), Some(small), Some(']')) =
            (head.get(window + 2), head.get(window + 3), head.get(window + 4))
            && small.is_ascii_lowercase()
        {
            found.push(format!("{}/{small}", head[window + 1]));
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_end_at_word_boundaries() {
        assert_eq!(
            find_ids("SS-012, TCP-101a; xSS-013 SS-0145 SS-016ab DHCP-001."),
            ["SS-012", "TCP-101a", "DHCP-001"]
        );
        assert_eq!(find_ids("SYS-001..SYS-003"), ["SYS-001", "SYS-003"]);
        assert!(find_ids("ABC-123 SS-12 ss-123").is_empty());
    }

    #[test]
    fn a_definition_opens_its_line() {
        for line in [
            "- **SS-010** text",
            "| TCP-101 | x |",
            "## LAY-001 y",
            "3. `NTP-004` z",
            "SYS-114 w",
            "* DNS-001",
        ] {
            assert!(definition(line).is_some(), "{line}");
        }
        for line in ["see SS-010", "-SS-010", "| covered | SS-010 |", "#SS-001"] {
            assert!(definition(line).is_none(), "{line}");
        }
    }

    #[test]
    fn tags_are_the_capitals_in_brackets_near_the_front() {
        assert_eq!(definition("- **SS-010** [P] [F/b] rest").unwrap().tags, ["F", "F/b", "P"]);
    }
}
