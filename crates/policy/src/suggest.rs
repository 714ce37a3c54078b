//! "Did you mean": the known name nearest to a wrong one.

/// Longer names than this are not compared. chosen: the longest key has 32 bytes.
const LEN_MAX: usize = 64;

/// The candidate nearest to `wrong`, if near enough to be a slip.
pub(crate) fn nearest<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if wrong.len() > LEN_MAX {
        return None;
    }
    let most = (wrong.len() / 3).clamp(1, 3);
    let near = candidates.into_iter().filter(|c| c.len() <= LEN_MAX);
    let best = near.map(|c| (distance(wrong, c), c)).min_by_key(|(d, _)| *d)?;
    (best.0 <= most).then_some(best.1)
}

/// Insertions, deletions, changes and swaps of neighbours between two words; case and `-` for `_`
/// are not counted.
fn distance(a: &str, b: &str) -> usize {
    let plain = |s: &str| -> Vec<u8> {
        s.bytes().map(|c| if c == b'-' { b'_' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (plain(a), plain(b));
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let same = a[i - 1] == b[j - 1];
            let mut least = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + usize::from(!same));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row[j] = least;
        }
        (before, last) = (last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let keys = ["endpoint", "port", "protocol", "tls"];
        assert_eq!(nearest("endpiont", keys), Some("endpoint"));
        assert_eq!(nearest("Port", keys), Some("port"));
        assert_eq!(nearest("protcol", keys), Some("protocol"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
    }
}
