//! The sections before the streamtypes: retry schemes, certificates, trust stores, metrics, auth.

use std::sync::Arc;

use super::value::{array, fill, object, text};
use super::{known, special};
use crate::fault::Code;
use crate::keys::{AUTH, Key, METRIC, RETRY, Slot, Special};
use crate::limits;
use crate::model::{Auth, Metric, Policy, Retry};
use crate::node::Member;
use crate::report::Report;

pub(super) fn retry(report: &mut Report<'_>, policy: &mut Policy, entry: &Member) {
    let mut retry = Retry { name: entry.key.clone(), ..Retry::default() };
    for member in object(report, &entry.key, &entry.node).unwrap_or_default() {
        let Some(key) = known(report, RETRY.iter(), member, "a retry scheme") else { continue };
        if matches!(key.slot, Slot::Special(Special::Backoff)) {
            retry.backoff_ms = special::backoff(report, member);
        } else {
            fill(report, &mut retry, &key.slot, member);
        }
    }
    policy.retry.insert(entry.key.clone(), Arc::new(retry));
}

pub(super) fn cert(report: &mut Report<'_>, policy: &mut Policy, entry: &Member) {
    let der = special::der(report, &entry.key, &entry.node);
    // A certificate that is wrong is one fault; those who name it are not at fault too.
    policy.certs.insert(entry.key.clone(), der.unwrap_or_default().into());
}

pub(super) fn trust_store(report: &mut Report<'_>, policy: &mut Policy, entry: &Member) {
    let mut stack = Vec::new();
    let nodes = array(report, &entry.key, &entry.node);
    for node in nodes.unwrap_or_default() {
        let Some(name) = text(report, &entry.key, node) else { continue };
        if !policy.certs.contains_key(name) {
            let hint = report.suggest(name, policy.certs.keys().map(String::as_str));
            let hint = format!("not in `certs`; {hint}");
            let hint = hint.trim_end_matches("; ").to_owned();
            report.fault(node.at, Code::UnknownName, name, hint);
        }
        if stack.len() == limits::STACK_MAX {
            let hint = format!("at most {} certificates", limits::STACK_MAX);
            report.fault(node.at, Code::TooMany, &entry.key, hint);
            break;
        }
        stack.push(name.clone());
    }
    if nodes.is_some_and(<[_]>::is_empty) {
        let hint = "a trust store has 1 to 6 certificates".to_owned();
        report.fault(entry.node.at, Code::Empty, &entry.key, hint);
    }
    policy.trust_stores.insert(entry.key.clone(), stack);
}

pub(super) fn metric(report: &mut Report<'_>, policy: &mut Policy, entry: &Member) {
    let mut metric = Metric::default();
    plain(report, &mut metric, METRIC, entry, "a metrics entry");
    policy.metrics.insert(entry.key.clone(), metric);
}

pub(super) fn auth(report: &mut Report<'_>, policy: &mut Policy, entry: &Member) {
    let mut auth = Auth::default();
    plain(report, &mut auth, AUTH, entry, "an auth entry");
    policy.auth.insert(entry.key.clone(), auth);
}

fn plain<T: 'static>(
    report: &mut Report<'_>,
    target: &mut T,
    keys: &'static [Key<T>],
    entry: &Member,
    place: &str,
) {
    for member in object(report, &entry.key, &entry.node).unwrap_or_default() {
        if let Some(key) = known(report, keys.iter(), member, place) {
            fill(report, target, &key.slot, member);
        }
    }
}
