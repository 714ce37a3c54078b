//! Options as a script writes them: `<mss 1000,sackOK,TS 10/5,wscale 7>`.

use crate::language::{ahead, any_number, fit, number, wrap};
use crate::notation::Bases;
use core::fmt::Write as _;
use mainstay_wire::tcp::Options;

/// One option. `None` is a number that does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Mss(Option<i64>),
    Scale(Option<i64>),
    SackPermitted,
    /// Value and echo.
    Stamps(Option<i64>, Option<i64>),
    Sack(Vec<(i64, i64)>),
    Raw(Vec<u8>),
}

/// What stands between the angles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    items: Vec<Item>,
    /// Others may be there too.
    open: bool,
}

/// How far a timestamp may be from what was expected, in milliseconds: timers are late by a tick at times.
const STAMP_TOLERANCE: i64 = 3;

impl List {
    pub(crate) fn parse(word: &str, counters: &[i64]) -> Result<Self, String> {
        let inside = word.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
        let inside = inside.ok_or_else(|| format!("`{word}` does not end with >"))?;
        let mut list = Self::default();
        for part in inside.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once(' ').unwrap_or((part, ""));
            list.items.push(match name {
                "mss" => Item::Mss(any_number(value, counters)?),
                "wscale" => Item::Scale(any_number(value, counters)?),
                "sackOK" => Item::SackPermitted,
                "TS" => stamps(value, counters)?,
                "sack" => Item::Sack(blocks(value, counters)?),
                "raw" => Item::Raw(bytes(value)?),
                ".." => {
                    list.open = true;
                    continue;
                }
                _ => return Err(format!("no option is called `{name}`")),
            });
        }
        Ok(list)
    }

    /// As they stand in a segment of the peer, padded with zeros.
    pub(crate) fn encode(&self, bases: &Bases) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        for item in &self.items {
            match item {
                Item::Mss(value) => {
                    out.extend([2, 4]);
                    out.extend(fit::<u16>(known(*value)?)?.to_be_bytes());
                }
                Item::Scale(value) => out.extend([3, 3, fit(known(*value)?)?]),
                Item::SackPermitted => out.extend([4, 2]),
                Item::Stamps(value, echo) => {
                    let echo = echo
                        .map_or(bases.last_stamp, |echo| bases.stamp().wrapping_add(wrap(echo)));
                    out.extend([8, 10]);
                    out.extend(wrap(known(*value)?).to_be_bytes());
                    out.extend(echo.to_be_bytes());
                }
                Item::Sack(blocks) => {
                    out.extend([5, fit(2 + 8 * i64::try_from(blocks.len()).unwrap())?]);
                    for (left, right) in blocks {
                        out.extend(bases.ours(*left).to_be_bytes());
                        out.extend(bases.ours(*right).to_be_bytes());
                    }
                }
                Item::Raw(bytes) => out.extend(bytes),
            }
        }
        out.resize(out.len().next_multiple_of(4), 0);
        if out.len() > 40 {
            return Err("these options do not fit into a header".to_owned());
        }
        Ok(out)
    }

    /// Whether a segment of ours carries these, and no others unless the list is open.
    pub(crate) fn matches(&self, options: &Options, bases: &Bases) -> bool {
        let there = Self::of(options, bases);
        let mut rest = there.items;
        for item in &self.items {
            let Some(at) = rest.iter().position(|other| item.is_met_by(other)) else {
                return false;
            };
            rest.remove(at);
        }
        self.open || rest.is_empty()
    }

    /// What a segment of ours carries.
    pub(crate) fn of(options: &Options, bases: &Bases) -> Self {
        let mut items = Vec::new();
        items.extend(options.mss.map(|mss| Item::Mss(Some(mss.into()))));
        items.extend(options.sack_permitted.then_some(Item::SackPermitted));
        items.extend(options.timestamps.map(|stamps| {
            let value = ahead(stamps.value, bases.stamp());
            Item::Stamps(Some(value), Some(stamps.echo.into()))
        }));
        items.extend(options.window_scale.map(|shift| Item::Scale(Some(shift.into()))));
        if !options.sack.is_empty() {
            let block = |block: &mainstay_wire::tcp::SackBlock| {
                (ahead(block.left, bases.irs), ahead(block.right, bases.irs))
            };
            items.push(Item::Sack(options.sack.as_slice().iter().map(block).collect()));
        }
        if let Some(cookie) = options.fast_open {
            items.push(Item::Raw(cookie.as_bytes().to_vec()));
        }
        Self { items, open: false }
    }

    pub(crate) fn show(&self) -> String {
        let number =
            |value: &Option<i64>| value.map_or_else(|| "*".to_owned(), |value| value.to_string());
        let mut shown = Vec::new();
        for item in &self.items {
            shown.push(match item {
                Item::Mss(mss) => format!("mss {}", number(mss)),
                Item::Scale(shift) => format!("wscale {}", number(shift)),
                Item::SackPermitted => "sackOK".to_owned(),
                Item::Stamps(value, echo) => format!("TS {}/{}", number(value), number(echo)),
                Item::Sack(blocks) => {
                    let shown = blocks.iter().map(|(left, right)| format!(" {left}:{right}"));
                    format!("sack{}", shown.collect::<String>())
                }
                Item::Raw(bytes) => {
                    let mut hex = "raw ".to_owned();
                    for byte in bytes {
                        write!(hex, "{byte:02x}").unwrap();
                    }
                    hex
                }
            });
        }
        if self.open {
            shown.push("..".to_owned());
        }
        format!("<{}>", shown.join(","))
    }
}

impl Item {
    fn is_met_by(&self, there: &Self) -> bool {
        let same = |wanted: &Option<i64>, there: &Option<i64>| wanted.is_none() || wanted == there;
        match (self, there) {
            (Self::Mss(wanted), Self::Mss(there)) | (Self::Scale(wanted), Self::Scale(there)) => {
                same(wanted, there)
            }
            (Self::Stamps(value, echo), Self::Stamps(Some(stamp), other)) => {
                value.is_none_or(|value| (value - stamp).abs() <= STAMP_TOLERANCE)
                    && same(echo, other)
            }
            _ => self == there,
        }
    }
}

fn known(value: Option<i64>) -> Result<i64, String> {
    value.ok_or_else(|| "a segment of the peer has no wildcards".to_owned())
}

/// `10/5`, or `10` with the echo of what was heard last.
fn stamps(text: &str, counters: &[i64]) -> Result<Item, String> {
    let (value, echo) = text.split_once('/').unwrap_or((text, "*"));
    Ok(Item::Stamps(any_number(value, counters)?, any_number(echo, counters)?))
}

/// `1001:2001 3001:4001`.
fn blocks(text: &str, counters: &[i64]) -> Result<Vec<(i64, i64)>, String> {
    let block = |word: &str| {
        let (left, right) =
            word.split_once(':').ok_or_else(|| format!("`{word}` is not a block"))?;
        Ok((number(left, counters)?, number(right, counters)?))
    };
    text.split_whitespace().map(block).collect()
}

/// Hexadecimal digits in pairs.
fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| {
        let text = core::str::from_utf8(pair).unwrap_or("?");
        u8::from_str_radix(text, 16).map_err(|_| format!("`{text}` is not a byte in hexadecimal"))
    };
    digits.chunks(2).map(pair).collect()
}
