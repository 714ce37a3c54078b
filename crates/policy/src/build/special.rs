//! Values with a form of their own: proxies, the stack, metadata, maps.

use std::collections::BTreeMap;

use base64::{DecodeError, Engine as _};

use super::address;
use super::value::{array, number, object, text};
use crate::fault::Code;
use crate::limits;
use crate::model::{HostPort, HttpProxy, Protocol};
use crate::node::{Member, Node, Value};
use crate::report::Report;
use crate::state::State;

const PROTOCOLS: [(&str, Protocol); 6] = [
    ("h1", Protocol::H1),
    ("h2", Protocol::H2),
    ("h3", Protocol::H3),
    ("ws", Protocol::Ws),
    ("mqtt", Protocol::Mqtt),
    ("raw", Protocol::Raw),
];

/// The words `protocol` takes.
pub(crate) fn protocol_words() -> impl Iterator<Item = &'static str> {
    PROTOCOLS.iter().map(|(word, _)| *word)
}

pub(super) fn protocol(report: &mut Report<'_>, member: &Member) -> Option<Protocol> {
    let word = text(report, &member.key, &member.node)?;
    let found = PROTOCOLS.iter().find(|(name, _)| name == word);
    if found.is_none() {
        let hint = "one of h1, h2, h3, ws, mqtt, raw".to_owned();
        report.fault(member.node.at, Code::UnknownWord, &member.key, hint);
    }
    found.map(|(_, protocol)| *protocol)
}

pub(super) fn host_port(report: &mut Report<'_>, member: &Member) -> Option<HostPort> {
    let found = address::host_port(text(report, &member.key, &member.node)?);
    if found.is_none() {
        let hint = "write host:port or user:password@host:port".to_owned();
        report.fault(member.node.at, Code::BadAddress, &member.key, hint);
    }
    found
}

pub(super) fn http_proxy(report: &mut Report<'_>, member: &Member) -> Option<HttpProxy> {
    let found = address::http_proxy(text(report, &member.key, &member.node)?);
    if found.is_none() {
        let hint = "write host:port, or https://user:password@host:port".to_owned();
        report.fault(member.node.at, Code::BadAddress, &member.key, hint);
    }
    found
}

/// A layered connection (LAY-191). Only its outline is checked here; `layers` knows the rest.
pub(super) fn stack(report: &mut Report<'_>, member: &Member) -> Option<String> {
    let mut has_base = false;
    for part in object(report, &member.key, &member.node)? {
        match part.key.as_str() {
            "base" => has_base = object(report, "base", &part.node).is_some(),
            "layers" => {
                for layer in array(report, "layers", &part.node)? {
                    let members = object(report, "layers", layer)?;
                    let Some(name) = members.iter().find(|m| m.key == "use") else {
                        let hint = "every layer says its name as \"use\"".to_owned();
                        report.fault(layer.at, Code::MissingKey, "use", hint);
                        return None;
                    };
                    text(report, "use", &name.node)?;
                }
            }
            other => {
                let hint = report.suggest(other, ["base", "layers"]);
                report.warn(part.at, Code::UnknownKey, other, hint);
            }
        }
    }
    if !has_base {
        let hint = "a stack stands on a \"base\": {...}".to_owned();
        report.fault(member.node.at, Code::MissingKey, "base", hint);
        return None;
    }
    Some(member.node.to_json().to_string())
}

/// The members of an array of objects, in order.
fn pairs<'a>(report: &mut Report<'_>, member: &'a Member) -> Vec<&'a Member> {
    let mut out = Vec::new();
    for element in array(report, &member.key, &member.node).unwrap_or_default() {
        out.extend(object(report, &member.key, element).unwrap_or_default());
    }
    out
}

/// `metadata`: of a name given twice the later mapping wins; `null` in an overlay removes it.
pub(super) fn metadata(report: &mut Report<'_>, member: &Member) -> Vec<(String, String)> {
    let mut out: Vec<Option<(String, String)>> = Vec::new();
    let mut index = BTreeMap::new();
    for pair in pairs(report, member) {
        let earlier = index.get(&pair.key).and_then(|at: &usize| out.get_mut(*at));
        if pair.node.is_null() && pair.at.source > 0 {
            earlier.and_then(Option::take);
            continue;
        }
        let Some(mapping) = text(report, &pair.key, &pair.node) else { continue };
        if !is_name(report, pair) || !is_mapping(report, pair, mapping) {
            continue;
        }
        let made = (pair.key.clone(), mapping.clone());
        match earlier {
            Some(old) => {
                if pair.at.source == 0 {
                    report.warn(pair.at, Code::Duplicate, &pair.key, String::new());
                }
                *old = Some(made);
            }
            None => {
                index.insert(&pair.key, out.len());
                out.push(Some(made));
            }
        }
    }
    out.into_iter().flatten().collect()
}

/// Whether a metadata name can be used: in `${}`, and on the proxy link.
fn is_name(report: &mut Report<'_>, pair: &Member) -> bool {
    let name = &pair.key;
    if name.is_empty() || name.contains(['}', '|']) || name.chars().any(char::is_control) {
        let hint = "a metadata name is not empty and has no `}`, `|` or control".to_owned();
        report.fault(pair.at, Code::BadName, name, hint);
        return false;
    }
    if name.len() > limits::METADATA_NAME_MAX {
        let most = limits::METADATA_NAME_MAX;
        let hint = format!("longer than {most} bytes, the proxy link cannot carry it");
        report.warn(pair.at, Code::BadName, name, hint);
    }
    true
}

/// Whether a mapping is empty or the name of a header, with or without `:`.
fn is_mapping(report: &mut Report<'_>, pair: &Member, mapping: &str) -> bool {
    let name = mapping.strip_suffix(':').unwrap_or(mapping);
    let name = name.strip_prefix(':').unwrap_or(name);
    // RFC 9110 §5.6.2 token
    let is_token =
        name.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c));
    if !is_token {
        let hint = "a mapping is empty or the name of a header".to_owned();
        report.fault(pair.node.at, Code::BadName, &pair.key, hint);
    }
    is_token
}

/// `http_resp_map`: statuses as keys, states as numbers.
pub(super) fn resp_map(report: &mut Report<'_>, member: &Member) -> Vec<(u16, u32)> {
    let mut out: Vec<(u16, u32)> = Vec::new();
    for pair in pairs(report, member) {
        let digits = pair.key.len() == 3 && pair.key.bytes().all(|c| c.is_ascii_digit());
        let Some(code) = pair.key.parse().ok().filter(|code| digits && *code >= 100) else {
            let hint = "write the response status as three digits, \"404\"".to_owned();
            report.fault(pair.at, Code::OutOfRange, &pair.key, hint);
            continue;
        };
        let most = u64::from(State::User(u16::MAX).number());
        let Some(number) = number(report, &pair.key, &pair.node, 1, most) else { continue };
        let Some(state) = u32::try_from(number).ok().and_then(State::from_number) else {
            let hint = "states of your own start at 1000".to_owned();
            report.fault(pair.node.at, Code::OutOfRange, &pair.key, hint);
            continue;
        };
        match out.iter_mut().find(|(known, _)| *known == code) {
            Some((_, old)) => {
                report.warn(pair.at, Code::Duplicate, &pair.key, String::new());
                *old = state.number();
            }
            None => out.push((code, state.number())),
        }
        if out.len() > limits::RESP_MAP_MAX {
            let hint = format!("at most {} pairs", limits::RESP_MAP_MAX);
            report.fault(pair.at, Code::TooMany, &member.key, hint);
            break;
        }
    }
    out
}

/// `options`: one level, values as text.
pub(super) fn options(report: &mut Report<'_>, member: &Member) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for pair in pairs(report, member) {
        let value = match &pair.node.value {
            Value::Text(text) | Value::Number(text) => text.clone(),
            Value::Flag(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                let hint = format!("an option has one level, found {}", pair.node.kind());
                report.fault(pair.node.at, Code::WrongType, &pair.key, hint);
                continue;
            }
        };
        out.push((pair.key.clone(), value));
    }
    out
}

/// `backoff`: at most eight delays.
pub(super) fn backoff(report: &mut Report<'_>, member: &Member) -> Vec<u32> {
    let mut out = Vec::new();
    for node in array(report, &member.key, &member.node).unwrap_or_default() {
        if out.len() == limits::BACKOFF_MAX {
            let hint = format!("at most {} delays", limits::BACKOFF_MAX);
            report.fault(node.at, Code::TooMany, &member.key, hint);
            break;
        }
        let delay = number(report, &member.key, node, 0, u64::from(u32::MAX));
        out.extend(delay.and_then(|ms| u32::try_from(ms).ok()));
    }
    out
}

/// Base64 of DER; padding may be left out.
pub(super) fn der(report: &mut Report<'_>, key: &str, node: &Node) -> Option<Vec<u8>> {
    let text = text(report, key, node)?;
    let (code, hint) = match ENGINE.decode(text) {
        Ok(der) if der.is_empty() => (Code::Empty, "base64 of DER is expected".to_owned()),
        Ok(der) if der.len() > limits::DER_MAX => {
            (Code::TooLarge, format!("at most {} bytes decoded", limits::DER_MAX))
        }
        Ok(der) => return Some(der),
        Err(_) if text.contains("-----") => {
            (Code::BadBase64, "only the body of a PEM file, without its first and last line".into())
        }
        Err(_) if text.contains(char::is_whitespace) => {
            (Code::BadBase64, "without blanks and line ends".to_owned())
        }
        Err(DecodeError::InvalidByte(offset, byte)) => {
            let wrong = char::from(byte).escape_default();
            (Code::BadBase64, format!("`{wrong}`, its byte {}, is none of base64", offset + 1))
        }
        Err(_) => (Code::BadBase64, "it ends in the middle; was it cut?".to_owned()),
    };
    report.fault(node.at, code, key, hint);
    None
}

const ENGINE: base64::engine::GeneralPurpose = base64::engine::GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    base64::engine::GeneralPurposeConfig::new()
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);
