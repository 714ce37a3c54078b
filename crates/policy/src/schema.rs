//! The form of a policy as JSON Schema, for editors; made from the table of keys.

use serde_json::{Map, Value, json};

use crate::build::protocol_words;
use crate::keys::{AUTH, Effect, Key, METRIC, RETRY, Section, Slot, Special, TOP, streamtype_keys};
use crate::limits;

/// A JSON Schema (draft 2020-12) of a policy, without overlays.
///
/// It accepts what [`Policy::parse`](crate::Policy::parse) accepts without an unknown key, as far as
/// one value can be judged: references, groups and duplicates are the parser's.
#[must_use]
pub fn schema() -> Value {
    let mut schema = object(TOP.iter());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Secure Streams policy");
    schema["$defs"] = json!({
        "retry": object(RETRY.iter()),
        "streamtype": object(streamtype_keys()),
    });
    schema
}

fn object<T: 'static>(keys: impl Iterator<Item = &'static Key<T>>) -> Value {
    let properties: Map<String, Value> =
        keys.map(|key| (key.name.to_owned(), property(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn property<T: 'static>(key: &Key<T>) -> Value {
    let mut property = slot(&key.slot);
    let mut text = key.what.to_owned();
    if key.template {
        text.push_str("; takes ${name}");
    }
    if key.ours {
        text.push_str("; unknown to lws");
    }
    text.push_str(match key.effect {
        Effect::Live => "",
        Effect::Hint => "; without effect in this version",
        Effect::Needed => "; not in this version, such a stream is not created",
    });
    property["description"] = json!(text);
    property
}

fn slot<T: 'static>(slot: &Slot<T>) -> Value {
    match slot {
        Slot::Text(_) | Slot::Plain(_) => json!({ "type": "string" }),
        Slot::Flag(_) | Slot::BareFlag => json!({ "type": "boolean", "default": false }),
        Slot::U8(_, most) => integer(0, u64::from(*most)),
        Slot::U16(_) => integer(0, u64::from(u16::MAX)),
        Slot::U32(_) => integer(0, u64::from(u32::MAX)),
        Slot::U64(_) => integer(0, u64::MAX),
        Slot::Number(_, least) => integer(u64::from(*least), u64::from(u32::MAX)),
        Slot::Between(least, most) => integer(u64::from(*least), u64::from(*most)),
        Slot::Anything => json!({}),
        Slot::Special(special) => form(*special),
    }
}

fn integer(least: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn form(special: Special) -> Value {
    match special {
        Special::Protocol => {
            json!({ "enum": protocol_words().collect::<Vec<_>>(), "default": "h1" })
        }
        Special::Retry | Special::Alias => json!({ "type": "string" }),
        Special::Socks => json!({ "type": "string", "pattern": ADDRESS }),
        Special::HttpProxy => {
            json!({ "type": "string", "pattern": format!("^(https?://)?{}/?$", &ADDRESS[1..ADDRESS.len() - 1]) })
        }
        Special::Stack => json!({
            "type": "object",
            "required": ["base"],
            "additionalProperties": false,
            "properties": {
                "base": { "type": "object" },
                "layers": { "type": "array", "items": {
                    "type": "object",
                    "required": ["use"],
                    "properties": { "use": { "type": "string" } },
                } },
            },
        }),
        Special::Metadata => list(&json!({
            "type": "object",
            "propertyNames": { "pattern": "^[^}|\\x00-\\x1f\\x7f-\\x9f]+$" },
            "additionalProperties": { "type": "string", "pattern": MAPPING },
        })),
        Special::RespMap => list(&json!({
            "type": "object",
            "propertyNames": { "pattern": "^[1-9][0-9]{2}$" },
            "additionalProperties": { "anyOf": [integer(1, 20), integer(1000, 66535)] },
        })),
        Special::Options => list(&json!({
            "type": "object",
            "additionalProperties": { "type": ["string", "number", "boolean"] },
        })),
        Special::Backoff => {
            let mut list = list(&integer(0, u64::from(u32::MAX)));
            list["maxItems"] = json!(limits::BACKOFF_MAX);
            list
        }
        Special::Section(section) => list(&entry(section)),
    }
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// `host:port`, roughly; the parser is exact.
const ADDRESS: &str = "^([^@]*:[^@]*@)?(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]+):[0-9]{1,5}$";
/// Empty, or a header with or without colon. RFC 9110 §5.6.2
const MAPPING: &str = "^:?[A-Za-z0-9!#$%&'*+.^_`|~-]*:?$";

/// One object of a section.
fn entry(section: Section) -> Value {
    let stack = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": limits::STACK_MAX,
        "items": { "type": "string" },
    });
    match section {
        Section::Retry => json!({
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/retry" },
        }),
        Section::Certs => json!({
            "type": "object",
            "additionalProperties": { "type": "string", "pattern": "^[A-Za-z0-9+/]+={0,2}$" },
        }),
        Section::TrustStores => json!({ "anyOf": [
            {
                "type": "object",
                "required": ["name", "stack"],
                "additionalProperties": false,
                "properties": { "name": { "type": "string" }, "stack": stack },
            },
            {
                "type": "object",
                "properties": { "stack": false },
                "additionalProperties": stack,
            },
        ] }),
        Section::Metrics => named(object(METRIC.iter())),
        Section::Auth => named(object(AUTH.iter())),
        Section::Streamtypes => json!({
            "type": "object",
            "additionalProperties": { "$ref": "#/$defs/streamtype" },
        }),
    }
}

fn named(mut schema: Value) -> Value {
    schema["required"] = json!(["name"]);
    schema["properties"]["name"] = json!({ "type": "string", "description": "its name" });
    schema
}
