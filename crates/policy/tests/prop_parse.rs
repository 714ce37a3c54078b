//! The parser under arbitrary input: it never panics, is exactly as strict as JSON, and its places
//! are true.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_policy::{Code, Fault, Parser, Policy, template};
use proptest::prelude::*;
use serde_json::{Value, json};

const SAMPLE: &str = include_str!("policies/gateway.json");

/// Every fault's place exists in the text.
fn check_places(text: &str, faults: &[Fault]) -> Result<(), TestCaseError> {
    let lines: Vec<_> = text.split('\n').collect();
    for fault in faults {
        let line = lines.get(fault.line - 1);
        prop_assert!(line.is_some(), "{fault}");
        prop_assert!(fault.column <= line.unwrap().chars().count() + 1, "{fault}");
    }
    Ok(())
}

fn check_any(text: &str) -> Result<(), TestCaseError> {
    match Policy::parse(text, "p") {
        Ok(parsed) => {
            check_places(text, &parsed.warnings)?;
            check_places(text, &parsed.notes)?;
            let again = parsed.document.overlay("{}", "o").unwrap();
            prop_assert_eq!(again.policy, parsed.policy);
        }
        Err(faults) => check_places(text, &faults.iter().cloned().collect::<Vec<_>>())?,
    }
    Ok(())
}

/// Text that is often nearly a policy.
fn soup() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"s\"",
        "\"retry\"",
        "\"x\"",
        "\"port\"",
        "\"metadata\"",
        "\"name\"",
        "\"stack\"",
        "\"trust_stores\"",
        "\"certs\"",
        "\"alias_of\"",
        "\"${\"",
        "null",
        "true",
        "12",
        "-3",
        "1.5",
        " ",
        "\n",
        "#",
        "\"",
        "\\",
        "é",
        "//",
        "/*",
        "'",
        "\u{feff}",
        "{\"s\":[",
        "{\"x\":{",
        "}}]}",
    ]);
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        check_any(&text)?;
    }

    #[test]
    fn nearly_policies_never_panic(text in soup()) {
        check_any(&text)?;
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut parser = Parser::begin("p", None);
        parser.feed(&bytes);
        let _outcome = parser.finish();
    }

    #[test]
    fn a_damaged_policy_never_panics(at in 0..SAMPLE.len(), len in 0_usize..9, new in ".{0,4}") {
        let mut bytes = SAMPLE.as_bytes().to_vec();
        bytes.splice(at..(at + len).min(SAMPLE.len()), new.bytes());
        if let Ok(text) = String::from_utf8(bytes) {
            check_any(&text)?;
        }
    }

    #[test]
    fn a_damaged_overlay_never_panics(text in soup()) {
        let base = Policy::parse(SAMPLE, "p").unwrap().document;
        let _outcome = base.overlay(&text, "o");
    }

    /// What we take as syntax is what an independent JSON parser takes.
    #[test]
    fn syntax_is_that_of_json(text in soup()) {
        let text = text.replace(['#', '\u{feff}'], "?");
        let faults = Policy::parse(&text, "p").err();
        // A comma before `]` passes here, as it does in lws.
        let dense: String = text.split_whitespace().collect();
        if dense.contains(",]") {
            return Ok(());
        }
        let has = |code| faults.as_ref().is_some_and(|f| f.iter().any(|f| f.code == code));
        if has(Code::TooDeep) {
            return Ok(());
        }
        let refused = has(Code::Syntax);
        let json = serde_json::from_str::<Value>(&text).is_ok_and(|v| v.is_object());
        prop_assert_eq!(!refused, json, "{}", text);
    }

    /// A wrong value is found where it stands, whatever surrounds it.
    #[test]
    fn a_fault_is_reported_where_it_stands(
        names in prop::collection::btree_set("[a-zé]{1,6}", 1..5),
        gap in prop::sample::select(vec!["", " ", "\n", "\n\t ", " # ü \"{\n", "\r\n"]),
        which in any::<prop::sample::Index>(),
    ) {
        let which = which.index(names.len());
        let mut text = format!("{{{gap}\"s\":{gap}[{gap}");
        let mut expected = None;
        for (index, name) in names.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            text.push_str(&format!("{comma}{{{gap}\"{name}\":{gap}{{\"ws_subprotocol\":\"é\",{gap}\"port\"{gap}:{gap}"));
            if index == which {
                let line = text.matches('\n').count() + 1;
                let column = text.rsplit('\n').next().unwrap().chars().count() + 1;
                expected = Some((line, column, format!("s[{index}].{name}.port")));
                text.push_str("[]");
            } else {
                text.push('1');
            }
            text.push_str(&format!("{gap}}}}}"));
        }
        text.push_str("]}");
        let faults = Policy::parse(&text, "p").unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (f.line, f.column, f.path.clone())).collect();
        prop_assert_eq!(found, vec![expected.unwrap()]);
    }

    #[test]
    fn what_is_written_is_what_is_read(
        port in any::<u16>(), tls in any::<bool>(), timeout in any::<u32>(), label in ".{0,40}",
        metadata in prop::collection::btree_map("[a-z]{1,9}", "[A-Za-z-]{0,9}:?", 0..6),
    ) {
        let list: Vec<Value> = metadata.iter().map(|(n, m)| json!({ n: m })).collect();
        let document = json!({ "s": [{ "x": {
            "port": port, "tls": tls, "timeout_ms": timeout, "payload_fmt": label, "metadata": list,
        } }] });
        let parsed = Policy::parse(&document.to_string(), "p").unwrap();
        let x = &parsed.policy.streamtypes["x"];
        prop_assert_eq!((x.port, x.tls, x.timeout_ms), (port, tls, timeout));
        prop_assert_eq!(x.payload_fmt.as_ref(), Some(&label));
        prop_assert_eq!(&x.metadata, &metadata.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn templates_never_panic_and_keep_what_is_not_a_substitution(text in "[a$ {}|é]{0,24}") {
        let names: Vec<_> = template::names(&text).collect();
        let expanded = template::expand(&text, |_| Some(b"value"));
        if names.is_empty() && !text.contains("${") {
            prop_assert_eq!(expanded.unwrap(), text);
        }
    }
}
