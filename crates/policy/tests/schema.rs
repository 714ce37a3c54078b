//! The JSON Schema and the parser agree.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::LazyLock;

use mainstay_policy::keys::{Level, rows};
use mainstay_policy::{Code, Policy, schema};
use proptest::prelude::*;
use serde_json::{Value, json};

static VALIDATOR: LazyLock<jsonschema::Validator> =
    LazyLock::new(|| jsonschema::draft202012::new(&schema()).unwrap());

/// Whether the parser finds nothing a schema could find, unknown keys included.
fn parser_accepts(document: &Value) -> bool {
    let of_form = |code: Code| match code {
        Code::Syntax
        | Code::UnknownKey
        | Code::WrongType
        | Code::OutOfRange
        | Code::TooMany
        | Code::Empty
        | Code::UnknownWord
        | Code::BadBase64
        | Code::BadAddress
        | Code::BadName
        | Code::MissingKey => true,
        Code::NotUtf8
        | Code::TooLarge
        | Code::TooDeep
        | Code::UnknownName
        | Code::BadTemplate
        | Code::Undeclared
        | Code::Exclusive
        | Code::SchemaTooNew
        | Code::Duplicate
        | Code::NoEffect
        | Code::Inert
        | Code::Ours => false,
    };
    match Policy::parse(&document.to_string(), "p") {
        Ok(parsed) => {
            !parsed.warnings.iter().any(|w| matches!(w.code, Code::UnknownKey | Code::WrongType))
        }
        Err(faults) => !faults.iter().any(|f| of_form(f.code)),
    }
}

#[track_caller]
fn agree(document: &Value) -> bool {
    let accepted = parser_accepts(document);
    let errors: Vec<_> = VALIDATOR.iter_errors(document).map(|e| e.to_string()).collect();
    assert_eq!(errors.is_empty(), accepted, "{document}: {errors:?}");
    accepted
}

#[test]
fn the_schema_is_a_schema_and_describes_every_key() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    for row in rows() {
        let properties = match row.level {
            Level::Document => &schema["properties"],
            Level::Retry => &schema["$defs"]["retry"]["properties"],
            Level::Streamtype => &schema["$defs"]["streamtype"]["properties"],
            Level::Auth => &schema["properties"]["auth"]["items"]["properties"],
            Level::Metric => &schema["properties"]["metrics"]["items"]["properties"],
        };
        let text = properties[row.name]["description"].as_str().unwrap_or_default();
        assert!(text.starts_with(row.what) && !row.what.is_empty(), "{}", row.name);
    }
}

#[test]
fn both_judge_the_same_documents_alike() {
    let good = [
        json!({}),
        json!({"release":"1","schema-version":1,"via-socks5":"u:p@[::1]:1080"}),
        json!({"retry":[{"a":{"backoff":[1],"conceal":1},"b":{}}],"certs":[{"c":"AA=="}]}),
        json!({"certs":[{"c":"AAAA"}],"trust_stores":[{"name":"t","stack":["c"]},{"u":["c"],"name":["c"]}]}),
        json!({"metrics":[{"name":"m","us_schedule":u64::MAX}],"auth":[{"name":"a","blob":3}]}),
        json!({"s":[{"a":{"stack":{"base":{},"layers":[{"use":"tls"}]}}}]}),
    ];
    for document in good {
        assert!(agree(&document), "{document}");
    }
    let bad = [
        json!([]),
        json!({"s":{}}),
        json!({"s":[1]}),
        json!({"s":[{"a":1}]}),
        json!({"S":[]}),
        json!({"retry":[{"a":{"backoff":[1,2,3,4,5,6,7,8,9]}}]}),
        json!({"retry":[{"a":{"name":"x"}}]}),
        json!({"certs":[{"c":""}]}),
        json!({"certs":[{"c":"?"}]}),
        json!({"certs":[{"c":"AAAA"}],"trust_stores":[{"name":"t","stack":[]}]}),
        json!({"trust_stores":[{"name":"t"}]}),
        json!({"certs":[{"c":"AAAA"}],"trust_stores":[{"name":"t","stack":["c"],"extra":["c"]}]}),
        json!({"metrics":[{}]}),
        json!({"auth":[{"name":"a","blob":4}]}),
        json!({"s":[{"a":{"stack":{}}}]}),
        json!({"s":[{"a":{"stack":{"base":{},"layers":[{}]}}}]}),
    ];
    for document in bad {
        assert!(!agree(&document), "{document}");
    }
}

/// Values that are right for some keys and wrong for others.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![-1_i64, 0, 1, 2, 3, 5, 7, 8, 1023, 1024, 65_535, 65_536])
            .prop_map(Value::from),
        prop::sample::select(vec![4_294_967_295_u64, 4_294_967_296]).prop_map(Value::from),
        Just(json!(1.5)),
        prop::sample::select(vec!["", "h1", "raw", "text", "h:1", "https://u:p@h:8", "a b", "h:"])
            .prop_map(Value::from),
        Just(json!({})),
        Just(json!([])),
        Just(json!([{}])),
        Just(json!([[1]])),
        Just(json!([{ "404": 1404 }])),
        Just(json!([{ "404": 900 }])),
        Just(json!([{ "name": "header:" }, { "a": "" }])),
        Just(json!([{ "name": "two words" }])),
        Just(json!([{ "name": 1, "b": true }])),
        Just(json!([{ "name": ["x"] }])),
        Just(json!({ "base": {} })),
        Just(json!({ "base": 1 })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None, cases: 2000, ..ProptestConfig::default()
    })]

    #[test]
    fn both_judge_any_key_and_value_alike(index in any::<prop::sample::Index>(), value in value()) {
        let keys: Vec<_> = rows().collect();
        let row = keys[index.index(keys.len())];
        let body = json!({ row.name: value });
        let mut named = body.clone();
        named["name"] = json!("n");
        agree(&match row.level {
            Level::Document => body,
            Level::Retry => json!({ "retry": [{ "r": body }] }),
            Level::Auth => json!({ "auth": [named] }),
            Level::Metric => json!({ "metrics": [named] }),
            Level::Streamtype => json!({ "s": [{ "x": body }] }),
        });
    }
}
