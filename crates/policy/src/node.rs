//! JSON values that know where they stand. Owns the step from text to values, duplicates included.

use std::collections::BTreeMap;

use jsonc_parser::common::Ranged as _;
use jsonc_parser::errors::ParseErrorKind;
use jsonc_parser::{CollectOptions, ParseOptions, ast, parse_to_ast};

use crate::fault::Code;
use crate::report::Report;
use crate::source::At;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: At,
    pub(crate) value: Value,
}

/// A JSON value. Numbers stay text: only decimal integers mean something in a policy (SS-402).
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Flag(bool),
    Number(String),
    Text(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A key with its place, and its value.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) at: At,
    pub(crate) key: String,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) const fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What it is, for hints.
    pub(crate) const fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Flag(_) => "true or false",
            Value::Number(_) => "a number",
            Value::Text(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }

    /// The value without places.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Flag(flag) => (*flag).into(),
            Value::Number(digits) => serde_json::from_str(digits).unwrap_or_default(),
            Value::Text(text) => text.as_str().into(),
            Value::Array(list) => list.iter().map(Self::to_json).collect(),
            Value::Object(members) => {
                members.iter().map(|m| (m.key.clone(), m.node.to_json())).collect()
            }
        }
    }

    /// About how many bytes it occupies.
    pub(crate) fn weight(&self) -> usize {
        let inside = match &self.value {
            Value::Null | Value::Flag(_) => 0,
            Value::Number(text) | Value::Text(text) => text.len(),
            Value::Array(list) => list.iter().map(Self::weight).sum(),
            Value::Object(members) => members.iter().map(Member::weight).sum(),
        };
        size_of::<Self>() + inside
    }
}

impl Member {
    /// About how many bytes it occupies.
    pub(crate) fn weight(&self) -> usize {
        self.key.len() + self.node.weight()
    }
}

/// Strict JSON; comments were blanked before.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

const NO_OBJECT: &str = "a policy is one JSON object, {...}";

/// Reads source `source` of the report as one JSON object; `None` after a fault.
pub(crate) fn read(report: &mut Report<'_>, source: usize) -> Option<Vec<Member>> {
    let text = report.text(source);
    let parsed = match parse_to_ast(&text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => parsed.value,
        Err(error) => {
            let at = At { source, offset: error.range().start };
            // What is no object from its start on is no policy at all, however it goes on.
            let is_comment = matches!(error.kind(), ParseErrorKind::CommentsNotAllowed);
            let hint = if is_comment || text.trim_start().starts_with('{') {
                syntax_hint(error.kind())
            } else {
                NO_OBJECT.to_owned()
            };
            report.fault(at, Code::Syntax, "", hint);
            return None;
        }
    };
    let Some(ast::Value::Object(object)) = parsed else {
        let offset = parsed.map_or(0, |value| value.range().start);
        report.fault(At { source, offset }, Code::Syntax, "", NO_OBJECT.to_owned());
        return None;
    };
    Some(members(report, source, object, 0))
}

fn syntax_hint(kind: &ParseErrorKind) -> String {
    if matches!(kind, ParseErrorKind::CommentsNotAllowed) {
        return "comments start with #".to_owned();
    }
    if matches!(kind, ParseErrorKind::MultipleRootJsonValues) {
        return "the policy ended before this".to_owned();
    }
    kind.to_string().to_lowercase()
}

fn node(report: &mut Report<'_>, source: usize, value: ast::Value<'_>, depth: usize) -> Node {
    let at = At { source, offset: value.range().start };
    let value = match value {
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::BooleanLit(flag) => Value::Flag(flag.value),
        ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
        ast::Value::StringLit(text) => Value::Text(text.value.into_owned()),
        ast::Value::Array(array) => Value::Array(
            array.elements.into_iter().map(|v| node(report, source, v, depth + 1)).collect(),
        ),
        ast::Value::Object(object) => Value::Object(members(report, source, object, depth + 1)),
    };
    Node { at, value }
}

/// The members of an object; of a key given twice the later one wins, and lists add up as in lws.
fn members(
    report: &mut Report<'_>,
    source: usize,
    object: ast::Object<'_>,
    depth: usize,
) -> Vec<Member> {
    let mut out: Vec<Member> = Vec::with_capacity(object.properties.len());
    let mut seen = BTreeMap::new();
    for property in object.properties {
        let at = At { source, offset: property.name.range().start };
        let key = match property.name {
            ast::ObjectPropName::String(name) => name.value.into_owned(),
            ast::ObjectPropName::Word(word) => word.value.to_owned(),
        };
        let mut member = Member { at, key, node: node(report, source, property.value, depth) };
        let Some(index) = seen.get(&member.key).copied() else {
            seen.insert(member.key.clone(), out.len());
            out.push(member);
            continue;
        };
        report.warn(at, Code::Duplicate, &member.key, String::new());
        let adds_up = depth == 0 || member.key == "metadata";
        let Some(earlier): Option<&mut Member> = out.get_mut(index) else { continue };
        match (&mut earlier.node.value, &mut member.node.value) {
            (Value::Array(old), Value::Array(new)) if adds_up => old.append(new),
            _ => *earlier = member,
        }
    }
    out
}
