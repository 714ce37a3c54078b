//! A policy document in its normal form: scalars, and sections with one entry per name. Owns what
//! overlays do to it; `build` turns it into a [`Policy`](crate::Policy).

use std::collections::{BTreeMap, BTreeSet};

use crate::build;
use crate::fault::{Code, Fault, Faults};
use crate::keys::Section;
use crate::limits;
use crate::node::{self, Member, Node, Value};
use crate::report::Report;
use crate::source::{At, Source};
use crate::{Parsed, Policy};

/// A checked document, kept so that overlays can be put over it (SS-424, SS-426).
///
/// It holds the text of the policy and of its overlays; keep the [`Policy`] alone where no overlay
/// will follow.
#[derive(Clone, Debug, Default)]
pub struct Document {
    sources: Vec<Source>,
    parts: Parts,
}

/// What a document says, before types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    /// Members of the document that are no section; unknown ones among them.
    pub(crate) scalars: Vec<Member>,
    /// Entries by section, in the order of the document.
    sections: [Vec<Member>; Section::ALL.len()],
}

impl Parts {
    pub(crate) fn section(&self, section: Section) -> &[Member] {
        self.sections.get(section as usize).map_or(&[], Vec::as_slice)
    }

    fn section_mut(&mut self, section: Section) -> &mut Vec<Member> {
        &mut self.sections[section as usize]
    }
}

impl Document {
    /// Reads and checks a whole policy.
    ///
    /// # Errors
    /// Every fault that could be found, at least one.
    pub fn parse(text: &str, origin: &str) -> Result<Parsed, Faults> {
        Self::default().with(text, origin, false)
    }

    /// Puts a fragment of the same form over this document; `self` stays as it is (SS-428).
    ///
    /// Keys of streamtypes, retry schemes, metrics and auth entries are set one by one, `null`
    /// deletes a key or a whole entry, and new names are added. Of `metadata` the entries are set
    /// one by one; every other value is replaced. Certificates and trust stores are replaced whole.
    ///
    /// # Errors
    /// Every fault of the overlay, or of the policy that would result, each naming its file.
    ///
    /// # Examples
    /// ```
    /// use mainstay_policy::{Faults, Policy};
    ///
    /// # fn main() -> Result<(), Faults> {
    /// let policy = r#"{ "s": [{ "feed": { "endpoint": "feed.example", "protocol": "ws" } }] }"#;
    /// let base = Policy::parse(policy, "policy.json")?.document;
    /// let over = r#"{ "s": [{ "feed": { "endpoint": "test.example" } }] }"#;
    /// let policy = base.overlay(over, "test.json")?.policy;
    /// assert_eq!(policy.streamtypes["feed"].endpoint.as_deref(), Some("test.example"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn overlay(&self, text: &str, origin: &str) -> Result<Parsed, Faults> {
        self.clone().with(text, origin, true)
    }

    fn with(mut self, text: &str, origin: &str, overlay: bool) -> Result<Parsed, Faults> {
        let source = Source::new(text, origin).map_err(|fault| Faults::new(vec![*fault]))?;
        let index = self.sources.len();
        if index >= limits::OVERLAYS_MAX {
            let hint = format!("at most {} overlays", limits::OVERLAYS_MAX);
            return Err(Faults::new(vec![source.fault(0, Code::TooMany, "", hint)]));
        }
        self.sources.push(source);
        let mut report = Report::new(&self.sources);
        if let Some(members) = node::read(&mut report, index) {
            let fresh = normal(&mut report, members);
            self.parts = if overlay { merged(self.parts, fresh) } else { fresh };
            let policy = build::policy(&mut report, &self.parts);
            let (warnings, notes) = report.finish()?;
            let Self { sources, parts } = self;
            return Ok(Parsed { policy, warnings, notes, document: Self { sources, parts } });
        }
        report.finish().map(|_| Parsed::default())
    }
}

/// Brings the members of a document into normal form.
fn normal(report: &mut Report<'_>, members: Vec<Member>) -> Parts {
    let mut parts = Parts::default();
    for member in members {
        let Some(section) = Section::of(&member.key) else {
            parts.scalars.push(member);
            continue;
        };
        let Member { key, node, .. } = member;
        let Value::Array(list) = node.value else {
            let hint = format!("expected an array of objects, found {}", node.kind());
            report.fault(node.at, Code::WrongType, &key, hint);
            continue;
        };
        let mut entries = Vec::new();
        for element in list {
            let Value::Object(members) = element.value else {
                let hint = format!("expected an object, found {}", element.kind());
                report.fault(element.at, Code::WrongType, &key, hint);
                continue;
            };
            match section {
                Section::Retry | Section::Certs | Section::Streamtypes => entries.extend(members),
                Section::TrustStores => entries.extend(trust_stores(report, element.at, members)),
                Section::Metrics | Section::Auth => {
                    entries.extend(named(report, &key, element.at, members));
                }
            }
        }
        *parts.section_mut(section) = latest(report, entries);
    }
    parts
}

/// `{"name": N, "stack": [..]}`, or the shorthand `{N: [..], ..}` (SS-411).
fn trust_stores(report: &mut Report<'_>, at: At, mut members: Vec<Member>) -> Vec<Member> {
    let is_long = members.iter().any(|m| m.key == "stack")
        || members.iter().any(|m| m.key == "name" && !matches!(m.node.value, Value::Array(_)));
    if !is_long {
        return members;
    }
    let stack = members.iter().position(|m| m.key == "stack").map(|i| members.remove(i));
    let Some(name) = named(report, "trust_stores", at, members) else { return Vec::new() };
    let Some(stack) = stack else {
        let hint = "write the certificates as \"stack\": [...]".to_owned();
        report.fault(at, Code::MissingKey, "stack", hint);
        return Vec::new();
    };
    if let Value::Object(rest) = &name.node.value {
        for member in rest {
            let near = report.suggest(&member.key, ["name", "stack"]);
            let known = "a trust store has `name` and `stack`";
            let hint = if near.is_empty() { known.to_owned() } else { near };
            report.warn(member.at, Code::UnknownKey, &member.key, hint);
        }
    }
    vec![Member { node: stack.node, ..name }]
}

/// An object with its name among its members.
fn named(
    report: &mut Report<'_>,
    section: &str,
    at: At,
    mut members: Vec<Member>,
) -> Option<Member> {
    let Some(index) = members.iter().position(|m| m.key == "name") else {
        let hint = format!("every entry of `{section}` needs a \"name\"");
        report.fault(at, Code::MissingKey, "name", hint);
        return None;
    };
    let name = members.remove(index);
    let Value::Text(key) = name.node.value else {
        let hint = format!("expected a string, found {}", name.node.kind());
        report.fault(name.node.at, Code::WrongType, "name", hint);
        return None;
    };
    let node = Node { at, value: Value::Object(members) };
    Some(Member { at: name.node.at, key, node })
}

/// Of entries of one name the later one wins (SS-410).
fn latest(report: &mut Report<'_>, entries: Vec<Member>) -> Vec<Member> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<Member> = Vec::with_capacity(entries.len());
    let mut again: Vec<Member> = Vec::new();
    for entry in entries.into_iter().rev() {
        if seen.insert(entry.key.clone()) {
            kept.push(entry);
        } else {
            again.push(entry);
        }
    }
    for entry in again {
        let hint = "defined again further on".to_owned();
        report.warn(entry.at, Code::Duplicate, &entry.key, hint);
    }
    kept.reverse();
    kept
}

/// The base with the overlay over it (SS-426).
fn merged(mut base: Parts, over: Parts) -> Parts {
    merge(&mut base.scalars, over.scalars, |old, new| *old = new);
    for (section, entries) in Section::ALL.into_iter().zip(over.sections) {
        merge(base.section_mut(section), entries, merge_entry);
    }
    base
}

/// Sets an entry's keys one by one if both are objects; else sets the whole entry.
fn merge_entry(old: &mut Member, new: Member) {
    match (&mut old.node.value, new.node.value) {
        (Value::Object(members), Value::Object(over)) => merge(members, over, merge_key),
        (_, value) => *old = Member { node: Node { at: new.node.at, value }, ..new },
    }
}

/// Replaces a value; entries of `metadata` add up, and `build` lets the later win.
fn merge_key(old: &mut Member, mut new: Member) {
    match (&mut old.node.value, &mut new.node.value) {
        (Value::Array(list), Value::Array(over)) if new.key == "metadata" => list.append(over),
        _ => *old = new,
    }
}

/// Adds members that are new, combines those that are not, and deletes with `null`.
fn merge(base: &mut Vec<Member>, over: Vec<Member>, combine: fn(&mut Member, Member)) {
    let mut index: BTreeMap<String, usize> =
        base.iter().enumerate().map(|(at, m)| (m.key.clone(), at)).collect();
    let mut gone = BTreeSet::new();
    for member in over {
        let old = index.get(&member.key).copied();
        match (old.and_then(|at| base.get_mut(at)), member.node.is_null()) {
            (Some(_), true) => gone.extend(old),
            (Some(old), false) => combine(old, member),
            (None, true) => {}
            (None, false) => {
                index.insert(member.key.clone(), base.len());
                base.push(member);
            }
        }
    }
    let mut at = 0..;
    base.retain(|_| at.next().is_none_or(|at| !gone.contains(&at)));
}

impl Policy {
    /// Reads and checks a whole policy; `origin` is the file's name in faults.
    ///
    /// Strict JSON, but for what policies written for lws have: `#` comments (SS-400), and with a
    /// warning a comma before `]` and numbers where booleans belong (they mean `false`).
    ///
    /// # Errors
    /// Every fault that could be found, at least one.
    ///
    /// # Spec
    /// SS-400 to SS-422, SS-433 to SS-438.
    ///
    /// # Examples
    /// ```
    /// use mainstay_policy::Policy;
    ///
    /// # fn main() -> Result<(), mainstay_policy::Faults> {
    /// let text = r#"{ "s": [{ "feed": { "endpoint": "feed.example", "protocol": "ws", "prot": 443 } }] }"#;
    /// let parsed = Policy::parse(text, "policy.json")?;
    /// assert_eq!(parsed.policy.streamtypes["feed"].endpoint.as_deref(), Some("feed.example"));
    /// // Unknown keys are warnings: a policy of lws or of a later version loads.
    /// assert_eq!(parsed.warnings[0].hint, "did you mean `port`?");
    ///
    /// let faults = Policy::parse(r#"{ "s": [{ "feed": { "port": 70000 } }] }"#, "policy.json").unwrap_err();
    /// assert_eq!(
    ///     faults.to_string(),
    ///     "policy.json:1:29: port: out of range; 70000 is not between 0 and 65535"
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn parse(text: &str, origin: &str) -> Result<Parsed, Faults> {
        Document::parse(text, origin)
    }
}

/// A fault for what is no text at all.
pub(crate) fn not_utf8(bytes: &[u8], valid: usize, origin: &str) -> Fault {
    let text = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let (line, column) = crate::source::line_column(&text, text.len());
    let (path, key, hint) = (String::new(), String::new(), "a policy is UTF-8 text".to_owned());
    Fault { code: Code::NotUtf8, origin: origin.to_owned(), path, key, line, column, hint }
}
