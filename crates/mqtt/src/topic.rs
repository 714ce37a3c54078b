//! Topic names and filters: which are valid, and which filter matches which name.
//!
//! Spec: MQTT 3.1.1 §4.7; SS-569, SS-573.

use crate::limits::FIELD_MAX;

/// Whether this can be published to: 1 to 65 535 bytes, no wildcard, no NUL. MQTT 3.1.1 §4.7.
#[must_use]
pub fn valid_topic(topic: &str) -> bool {
    let plain = !topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0));
    plain && (1..=FIELD_MAX).contains(&topic.len())
}

/// Whether this can be subscribed to: wildcards fill whole levels, `#` only the last. MQTT 3.1.1 §4.7.1.
#[must_use]
pub fn valid_filter(filter: &str) -> bool {
    if !(1..=FIELD_MAX).contains(&filter.len()) || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let fine = match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            name => !name.contains(['+', '#']),
        };
        if !fine {
            return false;
        }
    }
    true
}

/// Whether a message published to `topic` is for a subscription to `filter`; both must be valid.
///
/// A first level that begins with `$` is matched by no wildcard (MQTT-4.7.2-1).
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let (mut wanted, mut given) = (filter.split('/'), topic.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(one), Some(other)) if one == other => {}
            (_, _) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers SS-569
    #[test]
    fn the_examples_of_the_standard_match_as_it_says() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", "a/b/c", true),
            ("sport/tennis/+", "sport/tennis/player2", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("#", "$SYS/x", false),
            ("+/monitor/Clients", "$SYS/monitor/Clients", false),
            ("$SYS/#", "$SYS/monitor", true),
            ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
            ("a/$b/+", "a/$b/c", true),
            ("ACCOUNTS", "Accounts", false),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} {topic}");
        }
    }

    #[test]
    fn wildcards_fill_whole_levels() {
        for good in ["#", "+", "a/#", "+/a/#", "/", "a//b", "$share/+"] {
            assert!(valid_filter(good), "{good}");
        }
        for bad in ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a/b+", "a\0b", "##"] {
            assert!(!valid_filter(bad), "{bad}");
        }
    }

    // Covers SS-573
    #[test]
    fn a_topic_name_has_no_wildcards_and_at_most_65535_bytes() {
        assert!(valid_topic("a/ b/\u{e9}"));
        assert!(valid_topic(&"t".repeat(65_535)));
        assert!(!valid_topic(&"t".repeat(65_536)));
        for bad in ["", "a/+", "#", "a\0"] {
            assert!(!valid_topic(bad), "{bad}");
        }
    }
}
