//! Segments as a script writes them: `P. 1:1001 ack 1 win 100 <TS 10/5>`, with sequence numbers that count from each SYN.

use crate::language::{ahead, any_number, fit, number, wrap};
use crate::options::List;
use core::fmt::Write as _;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header};

/// What relative numbers count from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bases {
    /// Our SYN.
    pub(crate) iss: u32,
    /// The peer's SYN.
    pub(crate) irs: u32,
    /// Our first timestamp.
    pub(crate) first_stamp: Option<u32>,
    /// Our last one.
    pub(crate) last_stamp: u32,
}

impl Bases {
    pub(crate) const fn ours(&self, relative: i64) -> u32 {
        self.iss.wrapping_add(wrap(relative))
    }

    pub(crate) const fn theirs(&self, relative: i64) -> u32 {
        self.irs.wrapping_add(wrap(relative))
    }

    pub(crate) fn stamp(&self) -> u32 {
        self.first_stamp.unwrap_or(0)
    }
}

/// Letters of flags, in the order in which they are shown.
const LETTERS: &[(char, Flags)] = &[
    ('S', Flags::SYN),
    ('F', Flags::FIN),
    ('R', Flags::RST),
    ('P', Flags::PSH),
    ('U', Flags::URG),
    ('E', Flags::ECE),
    ('W', Flags::CWR),
    ('A', Flags::AE),
    ('.', Flags::ACK),
];

/// A segment as written; `None` is what was left out or does not matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    flags: Option<Flags>,
    start: Option<i64>,
    end: Option<i64>,
    pub(crate) ack: Option<i64>,
    pub(crate) win: Option<i64>,
    urg: Option<i64>,
    options: Option<List>,
    ecn: Option<Ecn>,
    /// `key=value` and single words: what is done to the packet around it.
    pub(crate) extras: Vec<(String, String)>,
}

impl Shape {
    pub(crate) fn parse(words: &[String], counters: &[i64]) -> Result<Self, String> {
        let mut words = words.iter().map(String::as_str);
        let flags = match words.next().ok_or("a segment begins with its flags")? {
            "*" => None,
            letters => Some(flags(letters)?),
        };
        let mut shape = Self { flags, ..Self::default() };
        let range = words.next().ok_or("after the flags stands first:end")?;
        let (start, end) = range.split_once(':').ok_or("after the flags stands first:end")?;
        (shape.start, shape.end) = (any_number(start, counters)?, any_number(end, counters)?);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("`{word}` needs a number"));
            match word {
                "ack" => shape.ack = any_number(value()?, counters)?,
                "win" => shape.win = any_number(value()?, counters)?,
                "urg" => shape.urg = any_number(value()?, counters)?,
                "ce" => shape.ecn = Some(Ecn::Ce),
                "ect" => shape.ecn = Some(Ecn::Ect0),
                "not-ect" => shape.ecn = Some(Ecn::NotEct),
                _ if word.starts_with('<') => shape.options = Some(List::parse(word, counters)?),
                _ => {
                    let (key, value) = word.split_once('=').unwrap_or((word, ""));
                    shape.extras.push((key.to_owned(), value.to_owned()));
                }
            }
        }
        Ok(shape)
    }

    pub(crate) fn has(&self, extra: &str) -> bool {
        self.extras.iter().any(|(key, _)| key == extra)
    }

    /// The number of an extra, if it is there.
    pub(crate) fn extra(&self, extra: &str) -> Result<Option<i64>, String> {
        let found = self.extras.iter().find(|(key, _)| key == extra);
        found.map(|(_, value)| number(value, &[])).transpose()
    }

    pub(crate) fn ecn(&self) -> Ecn {
        self.ecn.unwrap_or(Ecn::NotEct)
    }

    /// The bytes of a segment of the peer, without checksum.
    pub(crate) fn encode(
        &self,
        bases: &Bases,
        ports: (u16, u16),
        win: u16,
    ) -> Result<Vec<u8>, String> {
        let (Some(flags), Some(start), Some(end)) = (self.flags, self.start, self.end) else {
            return Err("a segment of the peer has no wildcards".to_owned());
        };
        if flags.contains(Flags::ACK) != self.ack.is_some() {
            return Err("ack and the flag . belong together".to_owned());
        }
        let options = self.options.clone().unwrap_or_default().encode(bases)?;
        let mut bytes = vec![0; 20];
        bytes[..2].copy_from_slice(&ports.0.to_be_bytes());
        bytes[2..4].copy_from_slice(&ports.1.to_be_bytes());
        bytes[4..8].copy_from_slice(&bases.theirs(start).to_be_bytes());
        let ack = self.ack.map_or(0, |ack| bases.ours(ack));
        bytes[8..12].copy_from_slice(&ack.to_be_bytes());
        bytes[12..14].copy_from_slice(&flags.to_bytes());
        let words: u8 = fit(i64::try_from(5 + options.len() / 4).unwrap())?;
        bytes[12] |= words << 4;
        bytes[14..16].copy_from_slice(&win.to_be_bytes());
        bytes[18..20].copy_from_slice(&fit::<u16>(self.urg.unwrap_or(0))?.to_be_bytes());
        bytes.extend(options);
        let first = start + i64::from(flags.contains(Flags::SYN));
        let forged = if self.has("forged") { 0xff } else { 0 };
        bytes.extend((first..first + (end - start)).map(|at| pattern(at - 1) ^ forged));
        Ok(bytes)
    }

    /// What a segment of ours has that was not asked for; `None` if it is as expected.
    pub(crate) fn difference(&self, seen: &Seen) -> Option<&'static str> {
        let differs =
            |wanted: Option<i64>, there: i64| wanted.is_some_and(|wanted| wanted != there);
        let bases = &seen.bases;
        let header = &seen.header;
        let acknowledges = header.flags.contains(Flags::ACK);
        let checks = [
            ("flags", self.flags.is_some_and(|flags| flags != header.flags)),
            ("sequence", differs(self.start, seen.start())),
            ("length", differs(self.end, seen.end())),
            ("ack", acknowledges && differs(self.ack, ahead(header.acknowledgment, bases.irs))),
            ("win", differs(self.win, header.window.into())),
            ("urg", differs(self.urg, header.urgent.into())),
            ("ECN", self.ecn.is_some_and(|ecn| ecn != seen.ecn)),
            (
                "options",
                self.options.as_ref().is_some_and(|list| !list.matches(&header.options, bases)),
            ),
        ];
        checks.into_iter().find_map(|(what, differs)| differs.then_some(what))
    }
}

fn flags(letters: &str) -> Result<Flags, String> {
    let mut flags = Flags::NONE;
    for letter in letters.chars().filter(|letter| *letter != '-') {
        let known = LETTERS.iter().find(|(known, _)| *known == letter);
        let (_, flag) = known.ok_or_else(|| format!("`{letter}` is no flag"))?;
        flags |= *flag;
    }
    Ok(flags)
}

/// A segment of ours as it left.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    pub(crate) ecn: Ecn,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) unit: Option<u16>,
    pub(crate) bases: Bases,
}

impl Seen {
    fn start(&self) -> i64 {
        ahead(self.header.sequence, self.bases.iss)
    }

    fn end(&self) -> i64 {
        self.start() + i64::try_from(self.payload.len()).unwrap()
    }

    /// Whether its payload is what the application wrote there.
    pub(crate) fn is_faithful(&self) -> bool {
        let first = self.start() - 1;
        self.payload.iter().zip(first..).all(|(byte, at)| *byte == pattern(at))
    }

    pub(crate) fn show(&self) -> String {
        let header = &self.header;
        let mut shown = show_flags(header.flags);
        write!(shown, " {}:{}", self.start(), self.end()).unwrap();
        if header.flags.contains(Flags::ACK) {
            write!(shown, " ack {}", ahead(header.acknowledgment, self.bases.irs)).unwrap();
        }
        write!(shown, " win {}", header.window).unwrap();
        if header.flags.contains(Flags::URG) {
            write!(shown, " urg {}", header.urgent).unwrap();
        }
        if header.options != mainstay_wire::tcp::Options::default() {
            write!(shown, " {}", List::of(&header.options, &self.bases).show()).unwrap();
        }
        match self.ecn {
            Ecn::NotEct => {}
            Ecn::Ce => shown.push_str(" ce"),
            Ecn::Ect0 | Ecn::Ect1 => shown.push_str(" ect"),
        }
        shown
    }
}

fn show_flags(flags: Flags) -> String {
    let letters: String = LETTERS
        .iter()
        .filter(|(_, flag)| flags.contains(*flag))
        .map(|(letter, _)| *letter)
        .collect();
    if letters.is_empty() { "-".to_owned() } else { letters }
}

/// The byte at a place of either stream: not easily mistaken for another.
pub(crate) fn pattern(at: i64) -> u8 {
    u8::try_from((at.wrapping_mul(2_654_435_761) >> 13) & 0xff).unwrap()
}
