//! The stream states against the tables of the specification, read from it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use mainstay_policy::{State, legal, state_name};

const SPEC: &str = include_str!("../../../docs/spec/secure-streams.md");

/// The rows of the table under the header that starts so, as trimmed cells.
fn table(header: &str) -> Vec<Vec<&'static str>> {
    let start = SPEC.find(header).unwrap();
    let rows = SPEC[start..].lines().take_while(|l| l.starts_with('|')).skip(2);
    rows.map(|l| l.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

/// The text of a requirement, up to the next.
fn requirement(id: &str) -> String {
    let start = SPEC.find(&format!("- **{id}**")).unwrap() + 2;
    let rest = &SPEC[start..];
    let end = rest.find("\n- **").unwrap().min(rest.find("\n|").unwrap_or(usize::MAX));
    rest[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A state by the name the specification uses.
fn state(name: &str) -> State {
    let lws = if name == "(unset)" { name.to_owned() } else { format!("LWSSSCS_{name}") };
    State::ALL.into_iter().find(|s| s.name() == lws).unwrap_or_else(|| panic!("no state {name}"))
}

// Covers SS-100, SS-101, SS-218
#[test]
fn states_have_the_numbers_and_names_of_the_specification() {
    let rows = table("| # | Name (LWSSSCS_…)");
    assert_eq!(rows.len(), State::ALL.len() + 1);
    for row in &rows[..State::ALL.len()] {
        let number: u32 = row[0].parse().unwrap();
        assert_eq!(state(row[1]).number(), number, "{}", row[1]);
        assert_eq!(State::from_number(number), Some(state(row[1])));
    }
    assert_eq!(rows.last().unwrap()[..2], ["≥1000", "USER_BASE+n"]);
    assert_eq!(State::User(7).number(), 1007);
    assert_eq!(State::from_number(1007), Some(State::User(7)));
}

// Covers SS-101
#[test]
fn every_number_has_a_name() {
    assert_eq!(state_name(0), "(unset)");
    assert_eq!(state_name(1), "LWSSSCS_CREATING");
    assert_eq!(state_name(19), "LWSSSCS_SINK_JOIN");
    assert_eq!(state_name(20), "LWSSSCS_SINK_PART");
    for user in [1000, 1404, 66_535, 66_536, u32::MAX] {
        assert_eq!(state_name(user), "user state");
    }
    for other in [21, 255, 999] {
        assert_eq!(state_name(other), "unknown");
        assert_eq!(State::from_number(other), None);
    }
    assert_eq!(State::from_number(66_536), None);
}

/// The arcs of SS-106's table, MQTT built.
fn table_arcs() -> Vec<(State, State)> {
    let mut arcs = Vec::new();
    for row in table("| Last state | Allowed next states (HEAD) |") {
        let allowed = row[1].replace("; with mqtt built also ", ", ");
        if allowed != "none" {
            arcs.extend(allowed.split(", ").map(|to| (state(row[0]), state(to))));
        }
    }
    arcs
}

/// The arcs SS-107 adds.
fn added_arcs() -> Vec<(State, State)> {
    let text = requirement("SS-107");
    let text = text.split_once("it fixes: ").unwrap().1.split_once(". TIMEOUT").unwrap().0;
    let mut plain = String::new();
    for part in text.split('(') {
        plain.push_str(part.split_once(')').map_or(part, |(_, after)| after));
    }
    let mut arcs = Vec::new();
    for chain in plain.split(',') {
        let states: Vec<_> = chain.split('→').map(str::trim).collect();
        for pair in states.windows(2) {
            let sources: Vec<_> = match pair[0].strip_suffix('*') {
                Some(stem) => State::ALL
                    .into_iter()
                    .filter(|s| s.name().starts_with(&format!("LWSSSCS_{stem}")))
                    .collect(),
                None => vec![state(pair[0])],
            };
            arcs.extend(sources.into_iter().map(|from| (from, state(pair[1]))));
        }
    }
    arcs
}

// Covers SS-105, SS-106, SS-107
#[test]
fn the_transition_table_is_that_of_the_specification() {
    let arcs = [table_arcs(), added_arcs()].concat();
    assert!(arcs.len() > 90, "only {} arcs read", arcs.len());
    assert_eq!(added_arcs().len(), 2 + 1 + 4 + 4 + 5);
    let transient_text = requirement("SS-105");
    assert!(transient_text.contains("user states"));
    assert!(requirement("SS-107").contains("TIMEOUT is treated as transient"));
    for to in State::ALL {
        let bare = to.name().trim_start_matches("LWSSSCS_");
        let transient = transient_text.contains(bare) || to == State::Timeout;
        assert_eq!(to.is_transient(), transient, "{bare}");
        for from in State::ALL {
            let expected = transient || arcs.contains(&(from, to));
            assert_eq!(legal(from, to), expected, "{} to {bare}", from.name());
        }
    }
}

// Covers SS-105
#[test]
fn user_states_are_legal_at_any_time_and_lead_nowhere() {
    assert!(State::User(0).is_transient());
    for state in State::ALL {
        assert!(legal(state, State::User(404)));
        assert_eq!(legal(State::User(404), state), state.is_transient());
    }
}
