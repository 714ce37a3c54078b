//! `[NAME..] [--only PART] [--pairs N] [--quick]`.

use crate::Fallible;
use crate::scenario::{ALL, IDLE};

/// Interleaved runs of everybody, of which the median counts. chosen: an odd number that outlives
/// two runs another process disturbed.
const PAIRS: usize = 7;
const PAIRS_QUICK: usize = 3;

/// Our TCP.
pub(crate) const TCP: &str = "tcp";
/// What there is of it to measure.
pub(crate) const PARTS: &[&str] = &["memory", "tap", "frames", "relay"];

/// What to measure, and how well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// Beginnings of names; all if there is none.
    names: Vec<String>,
    /// One of [`PARTS`]; all if there is none.
    only: Option<String>,
    pub(crate) pairs: usize,
    pub(crate) quick: bool,
}

impl Arguments {
    /// Reads them.
    ///
    /// # Errors
    /// With the usage, for what is not understood.
    pub(crate) fn parse(words: &[&str]) -> Fallible<Self> {
        let (mut names, mut only, mut pairs, mut quick) = (Vec::new(), None, None, false);
        let mut words = words.iter();
        while let Some(&word) = words.next() {
            match word {
                "--quick" => quick = true,
                "--only" => {
                    let part = words.next().filter(|part| PARTS.contains(part));
                    only = Some((*part.ok_or_else(usage)?).to_owned());
                }
                "--pairs" => {
                    let count = words.next().and_then(|count| count.parse().ok());
                    pairs = Some(count.filter(|&count| count > 0).ok_or_else(usage)?);
                }
                name if known().any(|known| known.starts_with(name)) => names.push(name.to_owned()),
                _ => return Err(usage().into()),
            }
        }
        let pairs = pairs.unwrap_or(if quick { PAIRS_QUICK } else { PAIRS });
        Ok(Self { names, only, pairs, quick })
    }

    /// Whether this one is to be measured.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| name.starts_with(wanted))
    }

    /// Whether this part of what there is of TCP is to be measured.
    pub(crate) fn wants_part(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }

    /// Whether nothing but TCP is.
    pub(crate) fn is_tcp_alone(&self) -> bool {
        !self.names.is_empty() && self.names.iter().all(|name| name == TCP)
    }

    /// Whether everything is.
    pub(crate) const fn is_whole(&self) -> bool {
        self.names.is_empty() && self.only.is_none() && !self.quick
    }
}

fn known() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|scenario| scenario.name).chain(IDLE.iter().map(|idle| idle.name)).chain([TCP])
}

fn usage() -> String {
    let names: Vec<&str> = known().collect();
    format!(
        "cargo xtask bench [NAME..] [--only PART] [--pairs N] [--quick]\n  names (a beginning is enough): {}\n  \
         parts of tcp: {}",
        names.join(" "),
        PARTS.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_beginnings_and_quick_means_fewer_pairs() {
        let all = Arguments::parse(&[]).unwrap();
        assert!(all.wants("h1") && all.wants("idle-tls") && all.is_whole());
        assert_eq!(all.pairs, PAIRS);
        let some = Arguments::parse(&["mqtt", "--quick"]).unwrap();
        assert!(some.wants("mqtt-64-tls") && !some.wants("ws-1") && !some.is_whole());
        assert_eq!(some.pairs, PAIRS_QUICK);
        assert_eq!(Arguments::parse(&["--quick", "--pairs", "9"]).unwrap().pairs, 9);
        assert!(Arguments::parse(&["--pairs", "0"]).is_err());
        assert!(Arguments::parse(&["nonsense"]).is_err());
        let part = Arguments::parse(&["tcp", "--only", "relay"]).unwrap();
        assert!(part.is_tcp_alone() && part.wants_part("relay") && !part.wants_part("tap"));
        assert!(Arguments::parse(&["tcp", "--only", "nonsense"]).is_err());
    }
}
