//! Seeds as people write them, and the bytes a fuzzer begins with.
//!
//! Line ends stand for nothing and lines that begin with `#` are for the reader; what matters is written out: `\r`, `\n`,
//! `\\`, `\#` and `\xNN`. Files that are no `.txt` are taken as they are.

use crate::{Findings, tree};
use std::fs;
use std::path::Path;

/// Writes the bytes of every seed of `from` into `to`, under the same name.
pub(super) fn unfold(from: &Path, to: &Path) -> Findings {
    let mut findings = Vec::new();
    for path in tree::files(from, &[]) {
        let Some(name) = path.file_name() else { continue };
        let written = path.extension().is_some_and(|extension| extension == "txt");
        let text = fs::read(&path).unwrap_or_default();
        let bytes = if written { bytes(&String::from_utf8_lossy(&text)) } else { Some(text) };
        let Some(bytes) = bytes else {
            findings.push(format!("{}: a backslash that means nothing", path.display()));
            continue;
        };
        if let Err(e) = fs::write(to.join(name), bytes) {
            findings.push(format!("{}: {e}", to.display()));
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// `None` if a backslash is followed by nothing that is known.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut rest = line.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            if first != b'\\' {
                bytes.push(first);
                continue;
            }
            let (&escaped, after) = rest.split_first()?;
            rest = after;
            bytes.push(match escaped {
                b'r' => b'\r',
                b'n' => b'\n',
                b'\\' | b'#' => escaped,
                b'x' => {
                    let digits = rest.get(..2)?;
                    rest = rest.get(2..)?;
                    u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?
                }
                _ => return None,
            });
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_written_out() {
        assert_eq!(
            bytes("# a comment\na\\r\\n\n\\#b\\x00\\xFf\\\\\n").unwrap(),
            b"a\r\n#b\0\xff\\"
        );
        assert_eq!(bytes("\\q"), None);
        assert_eq!(bytes("\\x1"), None);
        assert_eq!(bytes("\\"), None);
    }

    #[test]
    fn every_seed_can_be_read() {
        for path in tree::files(&tree::root().join("fuzz/seeds"), &["txt"]) {
            let text = tree::text(&path).unwrap();
            assert!(bytes(&text).is_some_and(|bytes| !bytes.is_empty()), "{}", path.display());
        }
    }
}
