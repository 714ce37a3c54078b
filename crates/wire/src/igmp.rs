//! IGMP (RFC 3376, and RFC 2236 for routers that speak only that): who listens to IPv4 groups.
//!
//! Packets carry a router alert and a TTL of 1 (RFC 3376 §4). Reports here never name sources: what we join, we join
//! whole.

use crate::checksum;
use crate::icmp::{HEADER_LEN, join, seal, split};
pub use crate::mld::Kind;
use core::net::Ipv4Addr;
use core::time::Duration;

/// Where reports of version 3 go. RFC 3376 §4.2.14
pub const REPORTS_TO: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 22);
/// Every node on the link. RFC 1112 §4
pub const ALL_NODES: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Every router on the link, where leaving is told. RFC 2236 §3
pub const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);
/// A record as we write it. RFC 3376 §4.2
pub const RECORD_LEN: usize = 8;

const QUERY: u8 = 0x11; // IANA
const REPORT_V2: u8 = 0x16; // IANA
const LEAVE: u8 = 0x17; // IANA
const REPORT: u8 = 0x22; // IANA

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'p> {
    /// Who listens?
    Query(Query<'p>),
    /// I listen to this (RFC 2236).
    ReportV2(Ipv4Addr),
    /// I no longer listen to this (RFC 2236).
    Leave(Ipv4Addr),
    /// What I listen to.
    Report(Records<'p>),
}

/// RFC 3376 §4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query<'p> {
    /// As it stands: see [`Query::max_response`]; 0 if the router speaks only RFC 1112.
    pub max_response_code: u8,
    /// The group in question; unspecified if it is all of them.
    pub group: Ipv4Addr,
    /// What RFC 2236 did not have; absent if the router speaks only that.
    pub details: Option<Details<'p>>,
}

/// What version 3 of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Details<'p> {
    /// Routers need not note it.
    pub suppress: bool,
    /// How many losses are reckoned with: 3 bits.
    pub robustness: u8,
    /// The interval of queries, as it stands.
    pub interval_code: u8,
    /// The sources in question; if none, all of them.
    pub sources: &'p [[u8; 4]],
}

impl Query<'_> {
    /// Answers spread over this long. RFC 3376 §4.1.1, RFC 2236 §2.2
    #[must_use]
    pub fn max_response(&self) -> Duration {
        let code = u64::from(self.max_response_code);
        let exponent = code >> 4 & 7;
        let floating = self.details.is_some() && code >= 0x80;
        let tenths =
            if floating { (code & 0xf | 0x10) << exponent.saturating_add(3) } else { code };
        Duration::from_millis(tenths.saturating_mul(100))
    }
}

/// What somebody says about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What.
    pub kind: Kind,
    /// The group.
    pub group: Ipv4Addr,
}

impl Record {
    /// Writes the record, which names no source, and says how long it is; `None` if `out` is too short.
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let [a, b, c, d] = self.group.octets();
        *out.first_chunk_mut()? = [self.kind.byte(), 0, 0, 0, a, b, c, d];
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

    /// In their order. Unknown kinds are left out (RFC 3376 §4.2.12).
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
    let (&[kind, auxiliary, a, b, c, d, e, f], rest) = bytes.split_first_chunk()?;
    let words = usize::from(u16::from_be_bytes([a, b])).saturating_add(auxiliary.into());
    let after = rest.get(words.saturating_mul(4)..)?;
    let group = Ipv4Addr::new(c, d, e, f);
    Some((Kind::from_byte(kind).map(|kind| Record { kind, group }), after))
}

impl<'p> Message<'p> {
    /// The message that fills a packet's payload; `None` if its checksum is wrong, its type not one of ours, or not all of
    /// it is there.
    #[must_use]
    pub fn parse(message: &'p [u8]) -> Option<Self> {
        if checksum::of(message) != 0 {
            return None;
        }
        let (kind, max_response_code, word, rest) = split(message)?;
        let [_, _, a, b] = word;
        let group = Ipv4Addr::from_octets(word);
        match kind {
            QUERY => {
                let details = if rest.is_empty() { None } else { Some(Details::parse(rest)?) };
                Some(Self::Query(Query { max_response_code, group, details }))
            }
            REPORT_V2 => Some(Self::ReportV2(group)),
            LEAVE => Some(Self::Leave(group)),
            REPORT => Records::counted(rest, u16::from_be_bytes([a, b])).map(Self::Report),
            _ => None,
        }
    }

    /// Writes the message with its checksum and says how long it is; `None` if `out` is too short.
    #[must_use]
    pub fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let message = match *self {
            Self::ReportV2(group) => join((REPORT_V2, 0), group.octets(), &[], out)?,
            Self::Leave(group) => join((LEAVE, 0), group.octets(), &[], out)?,
            Self::Report(records) => {
                let [a, b] = records.count.to_be_bytes();
                join((REPORT, 0), [0, 0, a, b], records.bytes, out)?
            }
            Self::Query(query) => {
                let tail = query.details.map_or(0, |details| details.len());
                let out = out.get_mut(..HEADER_LEN.checked_add(tail)?)?;
                join((QUERY, query.max_response_code), query.group.octets(), &[], out)?;
                if let Some(details) = query.details {
                    details.emit(out.get_mut(HEADER_LEN..)?)?;
                }
                out
            }
        };
        let sum = checksum::of(message);
        seal(message, sum)
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
    extern crate std;
    use std::vec::Vec;

    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);

    fn written(message: Message<'_>, out: &mut [u8]) -> usize {
        let len = message.emit(out).unwrap();
        assert_eq!(Message::parse(&out[..len]), Some(message));
        assert_eq!(message.emit(&mut out[..len - 1]), None);
        len
    }

    #[test]
    fn a_general_query_reads_as_it_was_meant() {
        let bytes = [0x11, 0x64, 0xec, 0x1e, 0, 0, 0, 0, 2, 0x7d, 0, 0];
        let Some(Message::Query(query)) = Message::parse(&bytes) else { panic!("a query") };
        assert_eq!(query.max_response(), Duration::from_secs(10));
        assert!(query.group.is_unspecified());
        let details = query.details.unwrap();
        assert_eq!((details.robustness, details.interval_code, details.suppress), (2, 125, false));
        let mut out = [0; 12];
        assert_eq!(written(Message::Query(query), &mut out), 12);
        assert_eq!(out, bytes);
    }

    #[test]
    fn long_times_are_floating_in_version_three_only() {
        let old = Query { max_response_code: 0xff, group: GROUP, details: None };
        assert_eq!(old.max_response(), Duration::from_millis(25_500));
        let details =
            Details { suppress: true, robustness: 7, interval_code: 0, sources: &[[9; 4]; 2] };
        let new = Query { details: Some(details), ..old };
        assert_eq!(new.max_response(), Duration::from_millis((0x1f << 10) * 100));
        let mut out = [0; 40];
        assert_eq!(written(Message::Query(new), &mut out), 20);
        assert_eq!(written(Message::Query(old), &mut out), 8);
    }

    #[test]
    fn joining_and_leaving_are_told_in_both_versions() {
        let mut out = [0; 40];
        assert_eq!(written(Message::ReportV2(GROUP), &mut out), 8);
        assert_eq!((out[0], out[1]), (0x16, 0));
        assert_eq!(written(Message::Leave(GROUP), &mut out), 8);
        let records = [
            Record { kind: Kind::ToExclude, group: GROUP },
            Record { kind: Kind::ToInclude, group: ALL_ROUTERS },
        ];
        let mut bytes = [0; 2 * RECORD_LEN];
        let len = records[0].emit(&mut bytes).unwrap();
        records[1].emit(&mut bytes[len..]).unwrap();
        let report = Records::parse(&bytes).unwrap();
        assert_eq!(written(Message::Report(report), &mut out), 24);
        assert_eq!((out[0], out[7], out[8], out[16]), (0x22, 2, 4, 3));
        assert_eq!(report.iter().collect::<Vec<_>>(), records);
    }

    #[test]
    fn a_wrong_checksum_or_too_few_records_are_none() {
        let mut bytes = [0x22, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 1, 1, 1, 1];
        let sum = checksum::of(&bytes).to_be_bytes();
        bytes[2..4].copy_from_slice(&sum);
        assert_eq!(Message::parse(&bytes), None);
        let mut out = [0; 8];
        assert_eq!(Message::Leave(GROUP).emit(&mut out), Some(8));
        out[7] ^= 1;
        assert_eq!(Message::parse(&out), None);
    }
}
