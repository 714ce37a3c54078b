//! TCP options: read in any order and at any alignment, written in one (TCP-350, TCP-371).

/// The most that options may take in one header. RFC 9293 §3.1
pub const OPTIONS_MAX: usize = 40;

const END: u8 = 0; // IANA
const NOP: u8 = 1; // IANA
const MSS: u8 = 2; // IANA
const WINDOW_SCALE: u8 = 3; // IANA
const SACK_PERMITTED: u8 = 4; // IANA
const SACK: u8 = 5; // IANA
const TIMESTAMPS: u8 = 8; // IANA
const USER_TIMEOUT: u8 = 28; // IANA
const FAST_OPEN: u8 = 34; // IANA
const EXPERIMENT: u8 = 254; // IANA
/// What marks Fast Open among experiments. RFC 7413 §4.1.1
const FAST_OPEN_MAGIC: [u8; 2] = [0xf9, 0x89];
/// Two NOPs, kind and length: how nearly every segment's only option starts. RFC 7323 appendix A
pub(super) const ALIGNED_TIMESTAMPS: [u8; 4] = [NOP, NOP, TIMESTAMPS, 10];

/// The options of one segment that we know. Absent ones are `None`, `false` or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The largest segment the sender takes (RFC 9293 §3.7.1). Only on SYN.
    pub mss: Option<u16>,
    /// How far the sender's windows are shifted (RFC 7323 §2). Only on SYN; as received, also above 14.
    pub window_scale: Option<u8>,
    /// The sender understands SACK (RFC 2018 §2). Only on SYN.
    pub sack_permitted: bool,
    /// RFC 7323 §3.
    pub timestamps: Option<Timestamps>,
    /// What arrived out of order (RFC 2018 §3).
    pub sack: SackBlocks,
    /// A Fast Open cookie, or the request for one if it is empty (RFC 7413 §4.1.1). Only on SYN.
    pub fast_open: Option<Cookie>,
    /// RFC 5482.
    pub user_timeout: Option<UserTimeout>,
    /// Something was malformed and what followed it was not read (TCP-372). Never written.
    pub malformed: bool,
}

/// RFC 7323 §3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timestamps {
    /// The sender's clock.
    pub value: u32,
    /// What the sender last saw of ours; meaningful with ACK.
    pub echo: u32,
}

/// RFC 5482 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserTimeout {
    /// `value` is in minutes, else in seconds.
    pub minutes: bool,
    /// 15 bits.
    pub value: u16,
}

/// A run of octets, from the first to the one after the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SackBlock {
    /// The first octet.
    pub left: u32,
    /// The octet after the last.
    pub right: u32,
}

/// Up to four blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SackBlocks {
    blocks: [SackBlock; 4],
    len: u8,
}

impl SackBlocks {
    /// No block.
    pub const EMPTY: Self = Self { blocks: [SackBlock { left: 0, right: 0 }; 4], len: 0 };

    /// Adds a block and says whether there was room.
    pub fn push(&mut self, block: SackBlock) -> bool {
        let Some(slot) = self.blocks.get_mut(usize::from(self.len)) else { return false };
        *slot = block;
        self.len = self.len.saturating_add(1);
        true
    }

    /// The blocks.
    #[must_use]
    pub fn as_slice(&self) -> &[SackBlock] {
        self.blocks.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl PartialEq for SackBlocks {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for SackBlocks {}

/// A Fast Open cookie: empty for a request, else 4 to 16 bytes (RFC 7413 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cookie {
    bytes: [u8; 16],
    len: u8,
}

impl Cookie {
    /// The request for a cookie.
    pub const REQUEST: Self = Self { bytes: [0; 16], len: 0 };

    /// A cookie, or `None` if its length is odd or out of range (TCP-362).
    #[must_use]
    pub fn new(cookie: &[u8]) -> Option<Self> {
        if !matches!(cookie.len(), 0 | 4 | 6 | 8 | 10 | 12 | 14 | 16) {
            return None;
        }
        let mut bytes = [0; 16];
        bytes.get_mut(..cookie.len())?.copy_from_slice(cookie);
        Some(Self { bytes, len: u8::try_from(cookie.len()).ok()? })
    }

    /// The cookie's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or(&[])
    }

    /// Whether it is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        self.len == 0
    }
}

impl Options {
    /// Reads the bytes between header and payload. Ends at the first option whose length cannot be (TCP-372).
    #[must_use]
    #[inline]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut options = Self::default();
        if let Some((head, rest)) = bytes.split_first_chunk::<4>()
            && *head == ALIGNED_TIMESTAMPS
            && let Some((body, rest)) = rest.split_first_chunk::<8>()
        {
            options.timestamps = Some(timestamps(*body));
            if !rest.is_empty() {
                options.parse_rest(rest);
            }
        } else if !bytes.is_empty() {
            options.parse_rest(bytes);
        }
        options
    }

    fn parse_rest(&mut self, mut bytes: &[u8]) {
        while let Some((&kind, rest)) = bytes.split_first() {
            if kind == END {
                return;
            }
            if kind == NOP {
                bytes = rest;
                continue;
            }
            let body = rest
                .split_first()
                .and_then(|(len, rest)| rest.split_at_checked(usize::from(*len).checked_sub(2)?));
            let Some((body, rest)) = body else {
                self.malformed = true;
                return;
            };
            if !self.take(kind, body) {
                self.malformed = true;
            }
            bytes = rest;
        }
    }

    /// Takes one option; `false` if it is of a kind we know and its length is not that kind's.
    fn take(&mut self, kind: u8, body: &[u8]) -> bool {
        match (kind, body) {
            (MSS, &[a, b]) => self.mss = Some(u16::from_be_bytes([a, b])),
            (WINDOW_SCALE, &[shift]) => self.window_scale = Some(shift),
            (SACK_PERMITTED, []) => self.sack_permitted = true,
            (TIMESTAMPS, body) if body.len() == 8 => {
                self.timestamps = body.first_chunk().map(|body| timestamps(*body));
            }
            (SACK, body) if !body.is_empty() && body.len() <= 32 && body.len() % 8 == 0 => {
                self.sack = SackBlocks::EMPTY;
                for block in body.chunks_exact(8) {
                    let Some(halves) = block.first_chunk() else { return false };
                    let Timestamps { value: left, echo: right } = timestamps(*halves);
                    self.sack.push(SackBlock { left, right });
                }
            }
            (USER_TIMEOUT, &[a, b]) => {
                let both = u16::from_be_bytes([a, b]);
                self.user_timeout =
                    Some(UserTimeout { minutes: both & 0x8000 != 0, value: both & 0x7fff });
            }
            (FAST_OPEN, cookie) => return self.take_cookie(cookie),
            (EXPERIMENT, body) => {
                if let Some(cookie) = body.strip_prefix(&FAST_OPEN_MAGIC) {
                    return self.take_cookie(cookie);
                }
            }
            (MSS | WINDOW_SCALE | SACK_PERMITTED | TIMESTAMPS | SACK | USER_TIMEOUT, _) => {
                return false;
            }
            _ => {} // unknown: skipped (TCP-371, TCP-375)
        }
        true
    }

    fn take_cookie(&mut self, bytes: &[u8]) -> bool {
        let cookie = Cookie::new(bytes);
        if cookie.is_some() {
            self.fast_open = cookie;
        }
        cookie.is_some()
    }

    /// Writes the options, padded with zeros to a multiple of four, and says how long they are; `None` if `out` is
    /// too short.
    ///
    /// The order is always the same, so that headers stay compressible (TCP-350): with `syn` MSS, window scale,
    /// SACK-permitted, timestamps, user timeout, Fast Open; otherwise timestamps, user timeout, SACK with as many
    /// blocks as then fit (TCP-351, TCP-370).
    #[must_use]
    #[inline]
    pub fn emit(&self, syn: bool, out: &mut [u8]) -> Option<usize> {
        if !syn && self.sack.is_empty() && self.user_timeout.is_none() {
            let Some(timestamps) = self.timestamps else { return Some(0) };
            let place = out.first_chunk_mut::<12>()?;
            place[..4].copy_from_slice(&ALIGNED_TIMESTAMPS);
            place[4..8].copy_from_slice(&timestamps.value.to_be_bytes());
            place[8..].copy_from_slice(&timestamps.echo.to_be_bytes());
            return Some(12);
        }
        match out.first_chunk_mut() {
            Some(out) => self.emit_any(syn, out),
            None => self.emit_short(syn, out),
        }
    }

    /// Where there is not room for all that options may be.
    #[cold]
    #[inline(never)]
    fn emit_short(&self, syn: bool, out: &mut [u8]) -> Option<usize> {
        let mut whole = [0; OPTIONS_MAX];
        let len = self.emit_any(syn, &mut whole)?;
        out.get_mut(..len)?.copy_from_slice(whole.get(..len)?);
        Some(len)
    }

    #[cfg_attr(target_os = "none", inline(never))]
    fn emit_any(&self, syn: bool, out: &mut [u8; OPTIONS_MAX]) -> Option<usize> {
        let mut list = List { bytes: out, len: 0 };
        if syn {
            self.emit_syn(&mut list);
        } else {
            self.emit_other(&mut list);
        }
        let (end, len) = (list.len, list.len.next_multiple_of(4));
        out.get_mut(end..len)?.fill(END);
        Some(len)
    }

    fn emit_syn(&self, list: &mut List<'_>) {
        if let Some(mss) = self.mss {
            list.push(MSS, &mss.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            list.pad(1);
            list.push(WINDOW_SCALE, &[shift]);
        }
        if self.sack_permitted {
            list.push(SACK_PERMITTED, &[]);
        } else if self.timestamps.is_some() {
            list.pad(2);
        }
        self.emit_timestamps(list);
        self.emit_user_timeout(list);
        if let Some(cookie) = &self.fast_open {
            list.push(FAST_OPEN, cookie.as_bytes());
        }
    }

    fn emit_other(&self, list: &mut List<'_>) {
        if self.timestamps.is_some() {
            list.pad(2);
        }
        self.emit_timestamps(list);
        self.emit_user_timeout(list);
        let fitting = OPTIONS_MAX.saturating_sub(list.len).saturating_sub(4) / 8;
        let blocks = self.sack.as_slice();
        let blocks = blocks.get(..fitting).unwrap_or(blocks);
        let len = u8::try_from(blocks.len()).unwrap_or(0).saturating_mul(8);
        if len > 0 {
            list.pad(2);
            list.put(&[SACK, len.saturating_add(2)]);
            for block in blocks {
                list.put(&block.left.to_be_bytes());
                list.put(&block.right.to_be_bytes());
            }
        }
    }

    fn emit_timestamps(&self, list: &mut List<'_>) {
        if let Some(Timestamps { value, echo }) = self.timestamps {
            let words = [value.to_be_bytes(), echo.to_be_bytes()];
            list.push(TIMESTAMPS, words.as_flattened());
        }
    }

    fn emit_user_timeout(&self, list: &mut List<'_>) {
        if let Some(UserTimeout { minutes, value }) = self.user_timeout {
            let both = (value & 0x7fff) | if minutes { 0x8000 } else { 0 };
            list.push(USER_TIMEOUT, &both.to_be_bytes());
        }
    }
}

/// What all options of a SYN take at most, the longest cookie included (TCP-351).
const SYN_MAX: usize = 4 + 4 + 2 + 10 + 18;
const _: () = assert!(SYN_MAX <= OPTIONS_MAX, "the options of a SYN fit into its header");

/// The timestamps, if these bytes are they and the padding that aligns them.
#[inline]
pub(super) fn aligned_timestamps(bytes: &[u8; 12]) -> Option<Timestamps> {
    let (head, body) = bytes.split_first_chunk::<4>()?;
    (*head == ALIGNED_TIMESTAMPS).then_some(timestamps(*body.first_chunk()?))
}

#[inline]
fn timestamps(body: [u8; 8]) -> Timestamps {
    let [a, b, c, d, e, f, g, h] = body;
    Timestamps { value: u32::from_be_bytes([a, b, c, d]), echo: u32::from_be_bytes([e, f, g, h]) }
}

/// Options being written.
struct List<'a> {
    bytes: &'a mut [u8; OPTIONS_MAX],
    len: usize,
}

impl List<'_> {
    /// Writes one option, or nothing if it does not fit.
    fn push(&mut self, kind: u8, body: &[u8]) {
        let Some(len) = u8::try_from(body.len()).ok().and_then(|len| len.checked_add(2)) else {
            return;
        };
        if OPTIONS_MAX.saturating_sub(self.len) >= len.into() {
            self.put(&[kind, len]);
            self.put(body);
        }
    }

    /// Writes bytes, or nothing if they do not fit.
    #[cfg_attr(target_os = "none", inline(never))]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.len..end) {
            place.copy_from_slice(bytes);
            self.len = end;
        }
    }

    /// Writes `count` NOPs, or nothing if they do not fit.
    fn pad(&mut self, count: usize) {
        self.put([NOP; 2].get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted(options: &Options, syn: bool) -> ([u8; OPTIONS_MAX], usize) {
        let mut out = [0; OPTIONS_MAX];
        let len = options.emit(syn, &mut out).unwrap();
        (out, len)
    }

    // Covers TCP-350, TCP-351
    #[test]
    fn a_syn_carries_all_its_options_in_a_fixed_order() {
        let options = Options {
            mss: Some(1460),
            window_scale: Some(7),
            sack_permitted: true,
            timestamps: Some(Timestamps { value: 1, echo: 0 }),
            fast_open: Cookie::new(&[9; 16]),
            ..Options::default()
        };
        let (out, len) = emitted(&options, true);
        assert_eq!(len, 40);
        assert_eq!(out[..10], [2, 4, 5, 180, 1, 3, 3, 7, 4, 2]);
        assert_eq!(out[10..14], [8, 10, 0, 0]);
        assert_eq!(out[20..22], [34, 18]);
        assert_eq!(out[38..], [0, 0]);
        assert_eq!(Options::parse(&out[..len]), options);
    }

    // Covers TCP-370, TCP-351
    #[test]
    fn three_blocks_fit_beside_timestamps_and_four_without() {
        let mut options = Options::default();
        for n in 0..4 {
            assert!(options.sack.push(SackBlock { left: n * 10, right: n * 10 + 5 }));
        }
        assert!(!options.sack.push(SackBlock::default()));
        let (out, len) = emitted(&options, false);
        assert_eq!((len, Options::parse(&out[..len]).sack.as_slice().len()), (36, 4));
        options.timestamps = Some(Timestamps { value: 1, echo: 2 });
        let (out, len) = emitted(&options, false);
        assert_eq!((len, Options::parse(&out[..len]).sack.as_slice().len()), (40, 3));
    }

    // Covers TCP-371, TCP-375
    #[test]
    fn unknown_kinds_are_skipped_at_any_alignment() {
        let bytes = [1, 30, 3, 0, 19, 4, 0, 0, 29, 2, 2, 4, 1, 0, 253, 2, 3, 3, 2, 0];
        let options = Options::parse(&bytes);
        assert_eq!(
            options,
            Options { mss: Some(256), window_scale: Some(2), ..Options::default() }
        );
    }

    // Covers TCP-371
    #[test]
    fn of_two_the_last_valid_one_wins() {
        let options = Options::parse(&[2, 4, 1, 0, 2, 4, 2, 0, 2, 3, 9]);
        assert_eq!(options.mss, Some(512));
    }

    // Covers TCP-372
    #[test]
    fn a_length_that_cannot_be_ends_the_reading_and_keeps_what_was_read() {
        for bad in [[2, 0, 0], [2, 1, 0], [2, 200, 0], [30, 4, 0]] {
            let mut bytes = [2, 4, 5, 180, 0, 0, 0];
            bytes[4..].copy_from_slice(&bad);
            let options = Options::parse(&bytes);
            assert_eq!(options, Options { mss: Some(1460), malformed: true, ..Options::default() });
        }
        assert!(Options::parse(&[3]).malformed);
    }

    // Covers TCP-372
    #[test]
    fn a_wrong_length_of_a_known_kind_ignores_that_option_only() {
        let options = Options::parse(&[3, 4, 1, 1, 4, 2, 5, 9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            options,
            Options { sack_permitted: true, malformed: true, ..Options::default() }
        );
    }

    // Covers TCP-369, TCP-362
    #[test]
    fn cookies_come_in_the_assigned_and_the_experimental_kind() {
        let request = Options::parse(&[34, 2]).fast_open.unwrap();
        assert!(request.is_request());
        let old = Options::parse(&[254, 8, 0xf9, 0x89, 1, 2, 3, 4]).fast_open.unwrap();
        assert_eq!(old.as_bytes(), [1, 2, 3, 4]);
        assert_eq!(Options::parse(&[254, 8, 0xf9, 0x88, 1, 2, 3, 4]), Options::default());
        let odd = Options::parse(&[34, 7, 1, 2, 3, 4, 5]);
        assert_eq!(odd, Options { malformed: true, ..Options::default() });
    }
}
