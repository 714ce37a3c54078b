//! What holds between keys, and between a streamtype and the rest of the policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::special::protocol_words;
use super::value::text;
use crate::fault::Code;
use crate::keys::streamtype_keys;
use crate::model::{Policy, Protocol, Retry, Streamtype};
use crate::node::{Member, Value};
use crate::report::Report;
use crate::template;

/// Resolves `retry`; names are compared whole (SS-406).
pub(super) fn retry(
    report: &mut Report<'_>,
    policy: &Policy,
    member: &Member,
) -> Option<Arc<Retry>> {
    let name = text(report, &member.key, &member.node)?;
    let found = policy.retry.get(name);
    if found.is_none() {
        unresolved(report, member, name, "retry", policy.retry.keys());
    }
    found.cloned()
}

/// Judges a streamtype as a whole.
pub(super) fn streamtype(
    report: &mut Report<'_>,
    policy: &Policy,
    entry: &Member,
    made: &Streamtype,
    body: &[Member],
) {
    exclusive(report, body);
    for member in body {
        match (member.key.as_str(), &member.node.value) {
            ("tls_trust_store", Value::Text(name)) if !policy.trust_stores.contains_key(name) => {
                unresolved(report, member, name, "trust_stores", policy.trust_stores.keys());
            }
            ("server_cert" | "server_key", Value::Text(name))
                if !policy.certs.contains_key(name) =>
            {
                unresolved(report, member, name, "certs", policy.certs.keys());
            }
            ("use_auth", Value::Text(name)) if !policy.auth.contains_key(name) => {
                unresolved(report, member, name, "auth", policy.auth.keys());
            }
            ("aws_region" | "aws_service", Value::Text(name)) => {
                declared(report, made, member, name);
            }
            ("http_method", Value::Text(_)) if made.protocol == Protocol::Ws => {
                let hint = "a WebSocket is opened with GET".to_owned();
                report.warn(member.at, Code::NoEffect, &member.key, hint);
            }
            (_, Value::Text(text)) => templates(report, made, member, text),
            _ => {}
        }
    }
    complete(report, entry, made, body);
}

/// Groups that share storage in lws (SS-412).
fn exclusive(report: &mut Report<'_>, body: &[Member]) {
    let http = |m: &&Member| m.key.starts_with("http_") || m.key.starts_with("ws_");
    let mqtt = |m: &&Member| m.key.starts_with("mqtt_");
    let trust = |m: &&Member| m.key == "tls_trust_store";
    let identity = |m: &&Member| m.key == "server_cert" || m.key == "server_key";
    let set = || body.iter().filter(|m| !m.node.is_null());
    let pairs = [(set().find(http), set().find(mqtt)), (set().find(trust), set().find(identity))];
    for pair in pairs {
        let (Some(one), Some(other)) = pair else { continue };
        let (early, late) = if one.at < other.at { (one, other) } else { (other, one) };
        let hint = format!("`{}` is set; make two streamtypes", early.key);
        report.fault(late.at, Code::Exclusive, &late.key, hint);
    }
}

fn unresolved<'a>(
    report: &mut Report<'_>,
    member: &Member,
    name: &str,
    section: &str,
    names: impl Iterator<Item = &'a String>,
) {
    let hint = report.suggest(name, names.map(String::as_str));
    let hint = format!("`{name}` is not in `{section}`; {hint}");
    let hint = hint.trim_end_matches("; ").to_owned();
    report.fault(member.node.at, Code::UnknownName, &member.key, hint);
}

/// `${name}` in keys that take it.
fn templates(report: &mut Report<'_>, made: &Streamtype, member: &Member, text: &str) {
    if !streamtype_keys().any(|key| key.template && key.name == member.key) {
        return;
    }
    if let Some(rest) = template::malformed(text) {
        let hint = format!("`${{{rest}`: write ${{name}}, ${{name|url}}, or $${{ for itself");
        report.fault(member.node.at, Code::BadTemplate, &member.key, hint);
    }
    for name in template::names(text) {
        declared(report, made, member, name);
    }
}

fn declared(report: &mut Report<'_>, made: &Streamtype, member: &Member, name: &str) {
    if made.metadata.iter().any(|(known, _)| known == name) {
        return;
    }
    let hint = report.suggest(name, made.metadata.iter().map(|(known, _)| known.as_str()));
    let hint = format!("`{name}` is not in `metadata`, attempts will fail; {hint}");
    let hint = hint.trim_end_matches("; ").to_owned();
    report.warn(member.node.at, Code::Undeclared, &member.key, hint);
}

/// Keys that must be there because others are.
fn complete(report: &mut Report<'_>, entry: &Member, made: &Streamtype, body: &[Member]) {
    let server = &made.server;
    if server.server && made.tls {
        for (key, value) in [("server_cert", &server.cert), ("server_key", &server.key)] {
            if value.is_none() {
                let hint = format!("a server with `tls` needs `{key}`");
                report.fault(entry.at, Code::MissingKey, &entry.key, hint);
            }
        }
    }
    // Of a protocol that was refused nothing follows.
    let is_known = body.iter().filter(|m| m.key == "protocol").all(|m| {
        matches!(&m.node.value, Value::Text(word) if protocol_words().any(|known| known == word))
    });
    let is_http = is_known && matches!(made.protocol, Protocol::H1 | Protocol::H2 | Protocol::H3);
    let other = ["ws:", "wss:", "mqtt:", "mqtts:", "file:"];
    let calls = made.endpoint.as_ref().is_some_and(|e| !other.iter().any(|o| e.starts_with(o)));
    if is_http && calls && made.http.method.is_none() && !server.server && !made.local_sink {
        let hint = "HTTP needs `http_method`, such as \"GET\"".to_owned();
        report.warn(entry.at, Code::MissingKey, &entry.key, hint);
    }
}

/// Names that are resolved late, at run time (SS-403): wrong ones are warnings.
pub(super) fn references(
    report: &mut Report<'_>,
    policy: &Policy,
    bodies: &BTreeMap<&str, Vec<Member>>,
) {
    let rides = bodies.values().flatten().filter(|m| m.key == "rideshare");
    for member in rides {
        late(report, policy, member);
    }
}

/// `streamtype` of `auth` entries.
pub(super) fn auth(report: &mut Report<'_>, policy: &Policy, entries: &[Member]) {
    for entry in entries {
        let Value::Object(members) = &entry.node.value else { continue };
        for member in members.iter().filter(|m| m.key == "streamtype") {
            late(report, policy, member);
        }
    }
}

fn late(report: &mut Report<'_>, policy: &Policy, member: &Member) {
    let Value::Text(name) = &member.node.value else { return };
    if policy.streamtypes.contains_key(name) {
        return;
    }
    let hint = report.suggest(name, policy.streamtypes.keys().map(String::as_str));
    let hint = format!("`{name}` is not a streamtype; {hint}");
    let hint = hint.trim_end_matches("; ").to_owned();
    report.warn(member.node.at, Code::UnknownName, &member.key, hint);
}
