//! Streamtypes: aliases, keys, and then what `cross.rs` judges.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{cross, known, remark, special, value};
use crate::fault::Code;
use crate::keys::{Effect, Key, Slot, Special, streamtype_keys};
use crate::limits;
use crate::model::{Policy, Protocol, Streamtype};
use crate::node::{Member, Value};
use crate::report::Report;

/// Builds every streamtype.
pub(super) fn all(report: &mut Report<'_>, policy: &mut Policy, entries: &[Member]) {
    let mut bodies: BTreeMap<&str, Vec<Member>> = BTreeMap::new();
    let mut inherited = 0;
    for entry in entries {
        if entry.node.is_null() && entry.at.source > 0 {
            continue;
        }
        let own = value::object(report, &entry.key, &entry.node).unwrap_or_default();
        let body = whole(report, &bodies, own, &mut inherited);
        let streamtype = one(report, policy, entry, &body);
        policy.streamtypes.insert(entry.key.clone(), Arc::new(streamtype));
        bodies.insert(&entry.key, body);
    }
    cross::references(report, policy, &bodies);
}

/// A streamtype's own members over those it inherits (SS-431).
fn whole(
    report: &mut Report<'_>,
    bodies: &BTreeMap<&str, Vec<Member>>,
    own: &[Member],
    inherited: &mut usize,
) -> Vec<Member> {
    let Some(alias) = own.iter().find(|m| m.key == "alias_of") else { return own.to_vec() };
    let Value::Text(other) = &alias.node.value else { return own.to_vec() };
    let Some(base) = bodies.get(other.as_str()) else {
        let hint = report.suggest(other, bodies.keys().copied());
        let hint = format!("`{other}` is not a streamtype defined before this one; {hint}");
        report.fault(alias.node.at, Code::UnknownName, &alias.key, hint);
        return own.to_vec();
    };
    *inherited += base.iter().map(Member::weight).sum::<usize>();
    if *inherited > limits::INHERITED_MAX {
        let hint = "aliases inherit too much in all".to_owned();
        report.fault(alias.node.at, Code::TooLarge, &alias.key, hint);
        return own.to_vec();
    }
    let mut body: Vec<Member> = base.iter().filter(|m| m.key != "alias_of").cloned().collect();
    for member in own {
        match body.iter().position(|m| m.key == member.key) {
            Some(index) => body[index] = member.clone(),
            None => body.push(member.clone()),
        }
    }
    body
}

fn one(report: &mut Report<'_>, policy: &Policy, entry: &Member, body: &[Member]) -> Streamtype {
    let mut made = Streamtype { name: entry.key.clone(), ..Streamtype::default() };
    for member in body {
        let keys = streamtype_keys();
        let Some(key) = known(report, keys, member, "a streamtype") else { continue };
        let says = if let Slot::Special(form) = key.slot {
            by_form(report, policy, &mut made, form, member)
        } else {
            value::fill(report, &mut made, &key.slot, member)
        };
        if says {
            let inert = remark(report, key, member, effect(key, member, body));
            made.inert.extend(inert);
        } else if key.ours {
            let _live = remark(report, key, member, Effect::Live);
        }
    }
    protocol_in_this_version(&mut made, body);
    cross::streamtype(report, policy, entry, &made, body);
    made
}

/// What a key that is set means, where that depends on its value or its neighbours.
fn effect(key: &Key<Streamtype>, member: &Member, body: &[Member]) -> Effect {
    let signed = || body.iter().any(|m| m.key == "use_auth" && !m.node.is_null());
    match (key.name, &member.node.value) {
        ("mqtt_version", Value::Number(digits)) if digits != "5" => Effect::Live,
        ("protocol", Value::Text(word)) if word == "h3" && !has_flag(body, "h3_fallback") => {
            Effect::Needed
        }
        ("aws_region" | "aws_service", _) if signed() => Effect::Needed,
        _ => key.effect,
    }
}

fn has_flag(body: &[Member], key: &str) -> bool {
    body.iter().any(|m| m.key == key && matches!(m.node.value, Value::Flag(true)))
}

/// There is no QUIC in this version: `h3_fallback` makes h2 of h3 (SS-536).
fn protocol_in_this_version(made: &mut Streamtype, body: &[Member]) {
    if made.protocol == Protocol::H3 && has_flag(body, "h3_fallback") {
        made.protocol = Protocol::H2;
    }
}

/// Values with a form of their own. Returns whether anything was said.
fn by_form(
    report: &mut Report<'_>,
    policy: &Policy,
    made: &mut Streamtype,
    form: Special,
    member: &Member,
) -> bool {
    match form {
        Special::Protocol => {
            let found = special::protocol(report, member);
            made.protocol = found.unwrap_or(made.protocol);
            found.is_some()
        }
        Special::Retry => {
            made.retry = cross::retry(report, policy, member);
            made.retry.is_some()
        }
        Special::Socks => {
            made.via_socks5 = special::host_port(report, member);
            made.via_socks5.is_some()
        }
        Special::HttpProxy => {
            made.via_http_proxy = special::http_proxy(report, member);
            made.via_http_proxy.is_some()
        }
        Special::Stack => {
            made.stack = special::stack(report, member);
            made.stack.is_some()
        }
        Special::Alias => value::text(report, &member.key, &member.node).is_some(),
        Special::Metadata => {
            made.metadata = special::metadata(report, member);
            !made.metadata.is_empty()
        }
        Special::RespMap => {
            made.http.resp_map = special::resp_map(report, member);
            !made.http.resp_map.is_empty()
        }
        Special::Options => {
            made.server.options = special::options(report, member);
            !made.server.options.is_empty()
        }
        // Not in the table of streamtypes.
        Special::Backoff | Special::Section(_) => false,
    }
}
