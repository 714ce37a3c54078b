//! Every MUST of RFC 9293 appendix B has a row in `tests/scripts/tcp/must.txt`, and every row a test that runs.
//!
//! A script that is named runs, and a run in which it fails fails; likewise a function with `#[test]`.

use std::path::Path;

/// How many rows of RFC 9293 appendix B say MUST.
const ROWS: usize = 69;
/// The rows that the specification declares not kept (TCP-195).
const DEVIATIONS: [usize; 3] = [51, 52, 53];

/// What is wrong with the table.
fn faults(root: &Path, table: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for row in 1..=ROWS {
        let head = format!("MUST-{row} ");
        let found: Vec<_> = table.lines().filter_map(|line| line.strip_prefix(&head)).collect();
        let [line] = found[..] else {
            faults.push(format!("MUST-{row} has {} rows", found.len()));
            continue;
        };
        let (how, rest) = line.split_once(' ').unwrap_or((line, ""));
        let proven = match how {
            "script" => scripts(root, rest),
            "test" => function(root, rest),
            "deviation" => DEVIATIONS.contains(&row) && rest.starts_with("TCP-"),
            _ => false,
        };
        if !proven {
            faults.push(format!("MUST-{row} is shown by no test that runs: {line}"));
        }
    }
    faults
}

fn scripts(root: &Path, names: &str) -> bool {
    let runs = |name: &str| {
        let path = root.join("tests/scripts/tcp").join(format!("{name}.script"));
        !name.starts_with("open/") && !name.starts_with("faulty/") && path.exists()
    };
    !names.is_empty() && names.split_whitespace().all(runs)
}

/// `crates/x/src/y.rs name_of_the_test`.
fn function(root: &Path, named: &str) -> bool {
    let Some((file, name)) = named.split_once(' ') else { return false };
    let Ok(text) = std::fs::read_to_string(root.join(file)) else { return false };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let head = format!("fn {name}()");
    lines.windows(2).any(|pair| pair[0] == "#[test]" && pair[1].starts_with(&head))
}

// Covers TCP-196
#[test]
fn every_must_has_a_row_and_every_row_a_test_that_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(root.join("tests/scripts/tcp/must.txt")).unwrap();
    assert_eq!(faults(&root, &table), [] as [String; 0]);
    // The check itself: without a row, with a script that does not run, with a test that is not there.
    let broken = table
        .replace("MUST-1 ", "MUST-x ")
        .replace("MUST-2 script ", "MUST-2 script open/")
        .replace("MUST-8 test crates/tcp/src/isn.rs a_", "MUST-8 test crates/tcp/src/isn.rs no_")
        .replace("MUST-3 script", "MUST-3 deviation TCP-195");
    assert_eq!(faults(&root, &broken).len(), 4);
}
