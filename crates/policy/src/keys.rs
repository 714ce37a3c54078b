//! The one table of keys: it drives the parser, the hints, the schema and what `check` reports.

mod connection;
mod http;
mod mqtt;
mod sections;
mod server;

pub(crate) use sections::{AUTH, METRIC, RETRY, TOP};

use crate::model::Streamtype;

/// Where a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// In the document itself (SS-415 to SS-422).
    Document,
    /// In a retry scheme (SS-417).
    Retry,
    /// In an `auth` entry (SS-421).
    Auth,
    /// In a `metrics` entry (SS-420).
    Metric,
    /// In a streamtype (SS-433 to SS-438).
    Streamtype,
}

/// What acting on a key means in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it says.
    Live,
    /// Parsed, not acted on; a stream does its work without.
    Hint,
    /// Parsed, not acted on; a stream that sets it cannot do its work.
    Needed,
}

/// One row of the table, for people and tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it may stand.
    pub level: Level,
    /// The key.
    pub name: &'static str,
    /// The type in words, as the specification puts it.
    pub kind: &'static str,
    /// The default in words.
    pub default: &'static str,
    /// What acting on it means in this version.
    pub effect: Effect,
    /// Whether lws does not know it (SS-973).
    pub ours: bool,
    /// Whether `${name}` is substituted in it (SS-450).
    pub template: bool,
    /// What it does.
    pub what: &'static str,
}

/// Every key, level by level.
pub fn rows() -> impl Iterator<Item = Row> {
    let top = TOP.iter().map(|k| k.row(Level::Document));
    let retry = RETRY.iter().map(|k| k.row(Level::Retry));
    let auth = AUTH.iter().map(|k| k.row(Level::Auth));
    let metric = METRIC.iter().map(|k| k.row(Level::Metric));
    let stream = streamtype_keys().map(|k| k.row(Level::Streamtype));
    top.chain(retry).chain(auth).chain(metric).chain(stream)
}

/// A key and how its value gets into a `T`.
#[derive(Debug)]
pub(crate) struct Key<T: 'static> {
    pub(crate) name: &'static str,
    pub(crate) slot: Slot<T>,
    pub(crate) effect: Effect,
    pub(crate) ours: bool,
    pub(crate) template: bool,
    pub(crate) what: &'static str,
}

/// What a key takes and where it goes. The number beside a place is the highest value.
#[derive(Debug)]
pub(crate) enum Slot<T: 'static> {
    Text(fn(&mut T) -> &mut Option<String>),
    Plain(fn(&mut T) -> &mut String),
    Flag(fn(&mut T) -> &mut bool),
    U8(fn(&mut T) -> &mut u8, u8),
    U16(fn(&mut T) -> &mut u16),
    U32(fn(&mut T) -> &mut u32),
    U64(fn(&mut T) -> &mut u64),
    /// An optional number of at least the second.
    Number(fn(&mut T) -> &mut Option<u32>, u32),
    /// A number without a place of its own: between these.
    Between(u32, u32),
    /// A flag without a place of its own.
    BareFlag,
    /// Anything at all.
    Anything,
    /// A value that `build` takes apart by hand.
    Special(Special),
}

/// The values with a form of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Protocol,
    Retry,
    Socks,
    HttpProxy,
    Stack,
    Alias,
    Metadata,
    RespMap,
    Options,
    Backoff,
    /// A list of the document that is built as a section.
    Section(Section),
}

/// The lists of a document, in the order they are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    Retry,
    Certs,
    TrustStores,
    Metrics,
    Auth,
    Streamtypes,
}

impl Section {
    pub(crate) const ALL: [Self; 6] =
        [Self::Retry, Self::Certs, Self::TrustStores, Self::Metrics, Self::Auth, Self::Streamtypes];

    /// The section a key of the document names.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let slot = &TOP.iter().find(|k| k.name == key)?.slot;
        if let Slot::Special(Special::Section(section)) = slot { Some(*section) } else { None }
    }
}

impl<T> Key<T> {
    pub(crate) const fn new(name: &'static str, slot: Slot<T>, what: &'static str) -> Self {
        Self { name, slot, effect: Effect::Live, ours: false, template: false, what }
    }

    /// Unknown to lws (SS-973).
    const fn ours(mut self) -> Self {
        self.ours = true;
        self
    }

    /// Takes `${name}` (SS-450).
    const fn template(mut self) -> Self {
        self.template = true;
        self
    }

    /// Without effect in this version; streams work without.
    const fn hint(mut self) -> Self {
        self.effect = Effect::Hint;
        self
    }

    /// Without effect in this version; streams that set it do not work.
    const fn needed(mut self) -> Self {
        self.effect = Effect::Needed;
        self
    }

    const fn row(&self, level: Level) -> Row {
        let (kind, default) = self.slot.words();
        Row {
            level,
            name: self.name,
            kind,
            default,
            effect: self.effect,
            ours: self.ours,
            template: self.template,
            what: self.what,
        }
    }
}

impl<T> Slot<T> {
    /// Type and default in words.
    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text(_) | Self::Plain(_) => ("string", "none"),
            Self::Flag(_) | Self::BareFlag => ("bool", "false"),
            Self::U8(..) => ("u8", "0"),
            Self::U16(_) => ("u16", "0"),
            Self::U32(_) => ("u32", "0"),
            Self::U64(_) => ("u64", "0"),
            Self::Number(..) | Self::Between(..) => ("u32", "none"),
            Self::Anything => ("any", "none"),
            Self::Special(special) => special.words(),
        }
    }
}

impl Special {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Protocol => ("one of h1 h2 h3 ws mqtt raw", "h1"),
            Self::Retry => ("string, a name in retry", "none"),
            Self::Socks => ("string host:port", "none"),
            Self::HttpProxy => ("string [https://]host:port", "none"),
            Self::Stack => ("object", "none"),
            Self::Alias => ("string, an earlier streamtype", "none"),
            Self::Metadata => ("array of {name: mapping}", "none"),
            Self::RespMap => ("array of {\"code\": state}", "none"),
            Self::Options => ("array of {name: value}", "none"),
            Self::Backoff => ("array of ms", "none"),
            Self::Section(_) => ("array of objects", "none"),
        }
    }
}

/// Every key of a streamtype.
pub(crate) fn streamtype_keys() -> impl Iterator<Item = &'static Key<Streamtype>> + Clone {
    let (a, b) = (connection::KEYS.iter(), http::KEYS.iter());
    a.chain(b).chain(mqtt::KEYS.iter()).chain(server::KEYS.iter())
}
