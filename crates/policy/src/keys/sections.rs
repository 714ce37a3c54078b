//! Keys outside streamtypes: the document, retry schemes, metrics and auth entries.

use super::Slot::{Number, Plain, Special as By, Text, U8, U16, U32, U64};
use super::{Key, Section, Special};
use crate::model::{Auth, Metric, Policy, Retry};

pub(crate) static TOP: &[Key<Policy>] = &[
    Key::<Policy>::new("release", Text(|p| &mut p.release), "identification only"),
    Key::<Policy>::new("product", Text(|p| &mut p.product), "identification only"),
    Key::<Policy>::new(
        "schema-version",
        Number(|p| &mut p.schema_version, 0),
        "version of this form, 1",
    ),
    Key::<Policy>::new("via-socks5", By(Special::Socks), "SOCKS5 proxy of all client connections"),
    Key::<Policy>::new("retry", By(Special::Section(Section::Retry)), "retry schemes by name"),
    Key::<Policy>::new(
        "certs",
        By(Special::Section(Section::Certs)),
        "certificates, base64 of DER",
    ),
    Key::<Policy>::new(
        "trust_stores",
        By(Special::Section(Section::TrustStores)),
        "who is trusted",
    ),
    Key::<Policy>::new("metrics", By(Special::Section(Section::Metrics)), "what is reported")
        .hint(),
    Key::<Policy>::new("auth", By(Special::Section(Section::Auth)), "credential schemes").hint(),
    Key::<Policy>::new("s", By(Special::Section(Section::Streamtypes)), "streamtypes by name"),
];

pub(crate) static RETRY: &[Key<Retry>] = &[
    Key::<Retry>::new("backoff", By(Special::Backoff), "delays in milliseconds, at most 8"),
    Key::<Retry>::new("conceal", U16(|r| &mut r.conceal), "failures retried; 65535 for ever"),
    Key::<Retry>::new("jitterpc", U8(|r| &mut r.jitter_percent, u8::MAX), "percent; 0 means 30"),
    Key::<Retry>::new(
        "svalidping",
        U16(|r| &mut r.valid_ping_s),
        "seconds of silence before a ping",
    ),
    Key::<Retry>::new(
        "svalidhup",
        U16(|r| &mut r.valid_hangup_s),
        "seconds of silence before hanging up",
    ),
];

pub(crate) static METRIC: &[Key<Metric>] = &[
    Key::<Metric>::new(
        "us_schedule",
        U64(|m| &mut m.schedule_us),
        "reporting interval, microseconds",
    ),
    Key::<Metric>::new("us_halflife", U32(|m| &mut m.halflife_us), "decay, microseconds"),
    Key::<Metric>::new(
        "min_outlier",
        U8(|m| &mut m.min_outlier, u8::MAX),
        "outliers below are ignored",
    ),
    Key::<Metric>::new(
        "report",
        Plain(|m| &mut m.report),
        "comma list of metrics, * is a wildcard",
    ),
];

pub(crate) static AUTH: &[Key<Auth>] = &[
    Key::<Auth>::new("type", Text(|a| &mut a.kind), "sigv4; LWA style without"),
    Key::<Auth>::new(
        "streamtype",
        Text(|a| &mut a.streamtype),
        "the streamtype that renews the token",
    ),
    Key::<Auth>::new("blob", U8(|a| &mut a.blob, 3), "credential slot"),
];
