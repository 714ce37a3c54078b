//! Plain values: text, flags and numbers, with their types and ranges.

use crate::fault::Code;
use crate::keys::Slot;
use crate::node::{Member, Node, Value};
use crate::report::Report;

/// Puts a plain value in its place. Returns whether it says more than the default, after a fault
/// `false`.
pub(super) fn fill<T: 'static>(
    report: &mut Report<'_>,
    target: &mut T,
    slot: &Slot<T>,
    member: &Member,
) -> bool {
    let (key, node) = (&member.key, &member.node);
    match slot {
        Slot::Text(place) => {
            text(report, key, node).map(|text| *place(target) = Some(text.to_owned())).is_some()
        }
        Slot::Plain(place) => {
            text(report, key, node).map(|text| text.clone_into(place(target))).is_some()
        }
        Slot::Flag(place) => {
            flag(report, key, node).inspect(|flag| *place(target) = *flag).unwrap_or_default()
        }
        Slot::BareFlag => flag(report, key, node).unwrap_or_default(),
        Slot::U8(place, most) => put(report, member, u64::from(*most), place(target)),
        Slot::U16(place) => put(report, member, u64::from(u16::MAX), place(target)),
        Slot::U32(place) => put(report, member, u64::from(u32::MAX), place(target)),
        Slot::U64(place) => put(report, member, u64::MAX, place(target)),
        Slot::Number(place, least) => {
            let found = number(report, key, node, u64::from(*least), u64::from(u32::MAX));
            let found = found.and_then(|n| u32::try_from(n).ok());
            found.inspect(|n| *place(target) = Some(*n)).is_some()
        }
        Slot::Between(least, most) => {
            number(report, key, node, u64::from(*least), u64::from(*most)).is_some()
        }
        Slot::Anything => true,
        Slot::Special(_) => false,
    }
}

fn put<N: TryFrom<u64>>(
    report: &mut Report<'_>,
    member: &Member,
    most: u64,
    place: &mut N,
) -> bool {
    let Some(found) = number(report, &member.key, &member.node, 0, most) else { return false };
    if let Ok(value) = N::try_from(found) {
        *place = value;
    }
    found != 0
}

/// A string, or a fault.
pub(super) fn text<'a>(report: &mut Report<'_>, key: &str, node: &'a Node) -> Option<&'a String> {
    if let Value::Text(text) = &node.value {
        return Some(text);
    }
    wrong_type(report, key, node, "a string");
    None
}

/// A boolean, or a fault. A number is `false` with a warning: policies written for lws have them.
pub(super) fn flag(report: &mut Report<'_>, key: &str, node: &Node) -> Option<bool> {
    if let Value::Flag(flag) = node.value {
        return Some(flag);
    }
    if matches!(node.value, Value::Number(_)) {
        let hint = "lws takes any number for false; write true or false".to_owned();
        report.warn(node.at, Code::WrongType, key, hint);
        return Some(false);
    }
    wrong_type(report, key, node, "true or false");
    None
}

/// An array, or a fault.
pub(super) fn array<'a>(report: &mut Report<'_>, key: &str, node: &'a Node) -> Option<&'a [Node]> {
    if let Value::Array(list) = &node.value {
        return Some(list);
    }
    wrong_type(report, key, node, "an array");
    None
}

/// An object, or a fault.
pub(super) fn object<'a>(
    report: &mut Report<'_>,
    key: &str,
    node: &'a Node,
) -> Option<&'a [Member]> {
    if let Value::Object(members) = &node.value {
        return Some(members);
    }
    wrong_type(report, key, node, "an object");
    None
}

/// A decimal integer in a range (SS-402), or a fault.
pub(super) fn number(
    report: &mut Report<'_>,
    key: &str,
    node: &Node,
    least: u64,
    most: u64,
) -> Option<u64> {
    let Value::Number(digits) = &node.value else {
        wrong_type(report, key, node, "a number");
        return None;
    };
    let body = digits.strip_prefix('-').unwrap_or(digits);
    if !body.bytes().all(|c| c.is_ascii_digit()) {
        let hint = format!("expected a decimal integer, found {digits}");
        report.fault(node.at, Code::WrongType, key, hint);
        return None;
    }
    let found = digits.parse().ok().or_else(|| (digits == "-0").then_some(0));
    let found = found.filter(|n| (least..=most).contains(n));
    if found.is_none() {
        let hint = format!("{digits} is not between {least} and {most}");
        report.fault(node.at, Code::OutOfRange, key, hint);
    }
    found
}

fn wrong_type(report: &mut Report<'_>, key: &str, node: &Node, expected: &str) {
    let hint = format!("expected {expected}, found {}", node.kind());
    report.fault(node.at, Code::WrongType, key, hint);
}
