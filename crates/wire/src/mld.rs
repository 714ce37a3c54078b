//! Multicast listener discovery (RFC 3810, and RFC 2710 for routers that speak only that): queries and reports.
//!
//! Reports here never name sources: what we join, we join whole. Those of others may.

use crate::icmp::{HEADER_LEN, join};
use core::net::Ipv6Addr;
use core::time::Duration;

/// Where reports go. RFC 3810 §5.2.14
pub const REPORTS_TO: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// A record as we write it. RFC 3810 §5.2
pub const RECORD_LEN: usize = 20;

const QUERY: u8 = 130; // IANA
const REPORT_V1: u8 = 131; // IANA
const DONE_V1: u8 = 132; // IANA
const REPORT: u8 = 143; // IANA

/// One message, without the `ICMPv6` around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'p> {
    /// Who listens?
    Query(Query<'p>),
    /// I listen to this (RFC 2710).
    ReportV1(Ipv6Addr),
    /// I no longer listen to this (RFC 2710).
    DoneV1(Ipv6Addr),
    /// What I listen to.
    Report(Records<'p>),
}

/// RFC 3810 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'p> {
    /// As it stands: see [`Query::max_response`].
    pub max_response_code: u16,
    /// The group in question; unspecified if it is all of them.
    pub group: Ipv6Addr,
    /// What RFC 2710 did not have; absent if the router speaks only that.
    pub details: Option<Details<'p>>,
}

/// What version 2 of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details<'p> {
    /// Routers need not note it.
    pub suppress: bool,
    /// How many losses are reckoned with: 3 bits.
    pub robustness: u8,
    /// The interval of queries, as it stands.
    pub interval_code: u8,
    /// The sources in question; if none, all of them.
    pub sources: &'p [[u8; 16]],
}

impl Query<'_> {
    /// Answers spread over this long. RFC 3810 §5.1.3, RFC 2710 §3.4
    #[must_use]
    pub fn max_response(&self) -> Duration {
        let code = u64::from(self.max_response_code);
        let exponent = code >> 12 & 7;
        let floating = self.details.is_some() && code >= 0x8000;
        let millis =
            if floating { (code & 0xfff | 0x1000) << exponent.saturating_add(3) } else { code };
        Duration::from_millis(millis)
    }
}

/// What somebody says about one group. RFC 3810 §5.2.12
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Listens to the sources named.
    IsInclude,
    /// Listens to all but the sources named.
    IsExclude,
    /// Listens now to the sources named: if none, left.
    ToInclude,
    /// Listens now to all but the sources named: if none, joined.
    ToExclude,
    /// Listens also to the sources named.
    Allow,
    /// Listens no longer to the sources named.
    Block,
}

impl Kind {
    pub(crate) const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::IsInclude,
            2 => Self::IsExclude,
            3 => Self::ToInclude,
            4 => Self::ToExclude,
            5 => Self::Allow,
            6 => Self::Block,
            _ => return None,
        })
    }

    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::IsInclude => 1,
            Self::IsExclude => 2,
            Self::ToInclude => 3,
            Self::ToExclude => 4,
            Self::Allow => 5,
            Self::Block => 6,
        }
    }
}

/// What somebody says about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What.
    pub kind: Kind,
    /// The group.
    pub group: Ipv6Addr,
}

impl Record {
    /// Writes the record, which names no source, and says how long it is; `None` if `out` is too short.
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let place = out.first_chunk_mut::<RECORD_LEN>()?;
        *place.first_chunk_mut()? = [self.kind.byte(), 0, 0, 0];
        *place.last_chunk_mut()? = self.group.octets();
        Some(RECORD_LEN)
    }
}

/// Records as they stand in a report: as many as it says, and all there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records<'p> {
    bytes: &'p [u8],
    count: u16,
}

impl<'p> Records<'p> {
    /// The records that fill `bytes`; `None` if the last is not all there, or they are more than a report can say.
    #[must_use]
    pub fn parse(bytes: &'p [u8]) -> Option<Self> {
        let (mut rest, mut count) = (bytes, 0_u16);
        while !rest.is_empty() {
            (_, rest) = next(rest)?;
            count = count.checked_add(1)?;
        }
        Some(Self { bytes, count })
    }

    /// The first `count` records of `bytes`, whatever follows them.
    fn counted(bytes: &'p [u8], count: u16) -> Option<Self> {
        let mut rest = bytes;
        for _ in 0..count {
            (_, rest) = next(rest)?;
        }
        let len = bytes.len().checked_sub(rest.len())?;
        Some(Self { bytes: bytes.get(..len)?, count })
    }

    /// In their order. Unknown kinds are left out (RFC 3810 §5.2.12).
    pub fn iter(self) -> impl Iterator<Item = Record> + 'p {
        let mut rest = self.bytes;
        core::iter::from_fn(move || {
            let (record, after) = next(rest)?;
            rest = after;
            Some(record)
        })
        .flatten()
    }

    /// As they stand.
    #[must_use]
    pub const fn as_bytes(self) -> &'p [u8] {
        self.bytes
    }
}

/// One record, unless its kind is unknown, and what follows it.
fn next(bytes: &[u8]) -> Option<(Option<Record>, &[u8])> {
    let (&[kind, auxiliary, a, b], rest) = bytes.split_first_chunk()?;
    let (group, rest) = rest.split_first_chunk::<16>()?;
    let sources = usize::from(u16::from_be_bytes([a, b])).saturating_mul(16);
    let after = rest.get(sources.saturating_add(usize::from(auxiliary).saturating_mul(4))..)?;
    let record =
        Kind::from_byte(kind).map(|kind| Record { kind, group: Ipv6Addr::from_octets(*group) });
    Some((record, after))
}

impl<'p> Message<'p> {
    pub(crate) fn parse(kind: u8, word: [u8; 4], rest: &'p [u8]) -> Option<Self> {
        let [a, b, c, d] = word;
        if kind == REPORT {
            return Records::counted(rest, u16::from_be_bytes([c, d])).map(Self::Report);
        }
        let (group, rest) = rest.split_first_chunk::<16>()?;
        let group = Ipv6Addr::from_octets(*group);
        match kind {
            QUERY => {
                let details = if rest.is_empty() { None } else { Some(Details::parse(rest)?) };
                let max_response_code = u16::from_be_bytes([a, b]);
                Some(Self::Query(Query { max_response_code, group, details }))
            }
            REPORT_V1 => Some(Self::ReportV1(group)),
            DONE_V1 => Some(Self::DoneV1(group)),
            _ => None,
        }
    }

    /// Writes the message with a checksum of zero.
    pub(crate) fn emit<'o>(&self, out: &'o mut [u8]) -> Option<&'o mut [u8]> {
        match *self {
            Self::ReportV1(group) => join((REPORT_V1, 0), [0; 4], &group.octets(), out),
            Self::DoneV1(group) => join((DONE_V1, 0), [0; 4], &group.octets(), out),
            Self::Report(records) => {
                let [a, b] = records.count.to_be_bytes();
                join((REPORT, 0), [0, 0, a, b], records.bytes, out)
            }
            Self::Query(query) => {
                let [a, b] = query.max_response_code.to_be_bytes();
                let tail = query.details.map_or(0, |details| details.len());
                let out = out.get_mut(..HEADER_LEN.checked_add(16)?.checked_add(tail)?)?;
                join((QUERY, 0), [a, b, 0, 0], &query.group.octets(), out)?;
                if let Some(details) = query.details {
                    details.emit(out.get_mut(HEADER_LEN.checked_add(16)?..)?)?;
                }
                Some(out)
            }
        }
    }
}

impl<'p> Details<'p> {
    fn parse(bytes: &'p [u8]) -> Option<Self> {
        let (&[flags, interval_code, a, b], rest) = bytes.split_first_chunk()?;
        let sources = rest.as_chunks().0.get(..usize::from(u16::from_be_bytes([a, b])))?;
        Some(Self { suppress: flags & 8 != 0, robustness: flags & 7, interval_code, sources })
    }

    const fn len(&self) -> usize {
        self.sources.as_flattened().len().saturating_add(4)
    }

    fn emit(&self, out: &mut [u8]) -> Option<()> {
        let [a, b] = u16::try_from(self.sources.len()).ok()?.to_be_bytes();
        let flags = u8::from(self.suppress) << 3 | self.robustness & 7;
        let (head, place) = out.split_first_chunk_mut()?;
        *head = [flags, self.interval_code, a, b];
        place.copy_from_slice(self.sources.as_flattened());
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icmpv6::Message as Icmp;
    extern crate std;
    use std::vec::Vec;

    const A: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

    fn written(message: Message<'_>, out: &mut [u8]) -> usize {
        let len = Icmp::Mld(message).emit(A, REPORTS_TO, out).unwrap();
        assert_eq!(Icmp::parse(A, REPORTS_TO, &out[..len]), Some(Icmp::Mld(message)));
        assert_eq!(Icmp::Mld(message).emit(A, REPORTS_TO, &mut out[..len - 1]), None);
        len
    }

    #[test]
    fn a_report_says_what_was_joined_and_left() {
        let records = [
            Record { kind: Kind::ToExclude, group: GROUP },
            Record { kind: Kind::ToInclude, group: REPORTS_TO },
        ];
        let mut bytes = [0; 2 * RECORD_LEN];
        let len = records[0].emit(&mut bytes).unwrap();
        records[1].emit(&mut bytes[len..]).unwrap();
        let report = Records::parse(&bytes).unwrap();
        let mut out = [0; 80];
        assert_eq!(written(Message::Report(report), &mut out), 48);
        assert_eq!((out[0], out[7], out[8], out[28]), (143, 2, 4, 3));
        assert_eq!(report.iter().collect::<Vec<_>>(), records);
    }

    #[test]
    fn sources_auxiliary_data_and_unknown_kinds_are_stepped_over() {
        let mut bytes = [0; 20 + 16 + 4 + 20 + 3];
        (bytes[0], bytes[1], bytes[3]) = (6, 1, 1);
        bytes[40] = 9;
        let Some(Message::Report(records)) = Message::parse(REPORT, [0, 0, 0, 2], &bytes) else {
            panic!("a report")
        };
        assert_eq!(records.as_bytes().len(), 60);
        assert_eq!(records.iter().map(|r| r.kind).collect::<Vec<_>>(), [Kind::Block]);
        assert_eq!(Message::parse(REPORT, [0, 0, 0, 3], &bytes), None);
    }

    #[test]
    fn a_query_is_of_the_version_its_length_says() {
        let mut out = [0; 80];
        let old = Query { max_response_code: 0x8000, group: GROUP, details: None };
        assert_eq!(written(Message::Query(old), &mut out), 24);
        assert_eq!(old.max_response(), Duration::from_millis(0x8000));
        let details = Details {
            suppress: true,
            robustness: 2,
            interval_code: 125,
            sources: &[[9; 16], [8; 16]],
        };
        let new = Query { details: Some(details), ..old };
        assert_eq!(written(Message::Query(new), &mut out), 60);
        assert_eq!(out[24..28], [0x0a, 125, 0, 2]);
        assert_eq!(new.max_response(), Duration::from_millis(0x1000 << 3));
        let longest = Query { max_response_code: 0xffff, ..new };
        assert_eq!(longest.max_response(), Duration::from_millis(0x1fff << 10));
        let word = [0; 4];
        assert_eq!(Message::parse(QUERY, word, &[0; 18]), None);
        assert_eq!(Message::parse(QUERY, word, &[0; 15]), None);
    }

    #[test]
    fn the_first_version_is_spoken_too() {
        let mut out = [0; 24];
        assert_eq!(written(Message::ReportV1(GROUP), &mut out), 24);
        assert_eq!(written(Message::DoneV1(GROUP), &mut out), 24);
        assert_eq!(out[0], 132);
    }
}
