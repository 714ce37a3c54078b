//! From a document in normal form to a typed policy. Owns the order of building and what holds for
//! every object: unknown keys, `null`, inert keys. Values are in `value.rs`.

mod address;
mod cross;
mod sections;
mod special;
mod streamtype;
mod value;

pub(crate) use special::protocol_words;

use crate::document::Parts;
use crate::fault::Code;
use crate::keys::{Effect, Key, Section, Slot, Special, TOP};
use crate::limits;
use crate::model::{Inert, Policy};
use crate::node::Member;
use crate::report::Report;

/// Builds what can be built; the report says whether it may be used.
pub(crate) fn policy(report: &mut Report<'_>, parts: &Parts) -> Policy {
    let mut policy = Policy::default();
    for member in &parts.scalars {
        top(report, &mut policy, member);
    }
    for section in Section::ALL {
        unused(report, section, parts);
        for entry in parts.section(section) {
            if entry.node.is_null() && entry.at.source > 0 {
                continue;
            }
            match section {
                Section::Retry => sections::retry(report, &mut policy, entry),
                Section::Certs => sections::cert(report, &mut policy, entry),
                Section::TrustStores => sections::trust_store(report, &mut policy, entry),
                Section::Metrics => sections::metric(report, &mut policy, entry),
                Section::Auth => sections::auth(report, &mut policy, entry),
                // Streamtypes refer to all the rest, and to each other.
                Section::Streamtypes => {}
            }
        }
    }
    streamtype::all(report, &mut policy, parts.section(Section::Streamtypes));
    cross::auth(report, &policy, parts.section(Section::Auth));
    policy
}

/// Notes a section this version does not act on, at its first entry.
fn unused(report: &mut Report<'_>, section: Section, parts: &Parts) {
    let of =
        |key: &&Key<Policy>| matches!(key.slot, Slot::Special(Special::Section(s)) if s == section);
    let Some(key) = TOP.iter().find(of) else { return };
    if let (Effect::Hint | Effect::Needed, Some(entry)) =
        (key.effect, parts.section(section).first())
    {
        report.note(entry.at, Code::Inert, key.name, "streams work without it".to_owned());
    }
}

/// A member of the document that is no section.
fn top(report: &mut Report<'_>, policy: &mut Policy, member: &Member) {
    let Some(key) = known(report, TOP.iter(), member, "a policy") else { return };
    if matches!(key.slot, Slot::Special(Special::Socks)) {
        policy.via_socks5 = special::host_port(report, member);
    } else {
        value::fill(report, policy, &key.slot, member);
    }
    let version = policy.schema_version.unwrap_or_default();
    if member.key == "schema-version" && version > limits::SCHEMA_VERSION {
        let hint = format!("this is version {}", limits::SCHEMA_VERSION);
        report.fault(member.node.at, Code::SchemaTooNew, &member.key, hint);
    }
}

/// Finds a member's key; `None` after a warning, or where `null` leaves nothing to do.
fn known<T: 'static>(
    report: &mut Report<'_>,
    mut keys: impl Iterator<Item = &'static Key<T>> + Clone,
    member: &Member,
    place: &str,
) -> Option<&'static Key<T>> {
    let names = keys.clone().map(|k| k.name);
    let Some(key) = keys.find(|k| k.name == member.key) else {
        let hint = unknown_hint(report, &member.key, names, place);
        report.warn(member.at, Code::UnknownKey, &member.key, hint);
        return None;
    };
    if member.node.is_null() && !matches!(key.slot, Slot::Anything) {
        if member.at.source == 0 {
            let hint = "null deletes a key in an overlay; leave the key out here".to_owned();
            report.fault(member.node.at, Code::WrongType, &member.key, hint);
        }
        return None;
    }
    Some(key)
}

/// What an unknown key was probably meant to be.
fn unknown_hint(
    report: &mut Report<'_>,
    key: &str,
    names: impl Iterator<Item = &'static str>,
    place: &str,
) -> String {
    match key {
        "http_multipart_content_type" => "lws calls it `http_mime_content_type`".to_owned(),
        "aux" => "lws describes it and never reads it".to_owned(),
        _ if crate::keys::rows().any(|row| row.name == key) => {
            format!("this key does not belong in {place}")
        }
        _ => report.suggest(key, names),
    }
}

/// Notes a key that was set to something: inert in this version, or unknown to lws.
fn remark<T: 'static>(
    report: &mut Report<'_>,
    key: &Key<T>,
    member: &Member,
    effect: Effect,
) -> Option<Inert> {
    if key.ours {
        let hint = "lws derails on it; put it in an overlay if lws reads this file".to_owned();
        report.note(member.at, Code::Ours, &member.key, hint);
    }
    let (needed, hint) = match effect {
        Effect::Live => return None,
        Effect::Hint => (false, "streams work without it"),
        Effect::Needed => (true, "creating such a stream fails"),
    };
    report.note(member.at, Code::Inert, &member.key, hint.to_owned());
    Some(Inert { key: member.key.clone(), needed })
}
