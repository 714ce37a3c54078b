//! Everybody in turn, in both directions.

use super::run::Outcome;
use crate::Fallible;
use core::fmt::Write as _;

/// What was measured, by direction (the near end sends, then takes) and who.
#[derive(Debug)]
pub(super) struct Findings {
    ways: Vec<(bool, Vec<Vec<Outcome>>)>,
    pairs: usize,
}

/// A row of a table: the direction, and the outcomes of each.
type Row = fn(bool, &[Vec<Outcome>]) -> String;

/// Runs each of `count`, the other way round every second time, and shows a direction's row when it is done. `run` is told who
/// and whether the near end sends.
pub(super) fn measure(
    count: usize,
    pairs: usize,
    mut run: impl FnMut(usize, bool) -> Fallible<Outcome>,
    row: Row,
) -> Fallible<Findings> {
    let mut ways = Vec::new();
    for sends in [true, false] {
        let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); count];
        for pair in 0..pairs {
            let mut order: Vec<usize> = (0..count).collect();
            if pair % 2 == 1 {
                order.reverse();
            }
            for number in order {
                outcomes[number].push(run(number, sends)?);
            }
        }
        println!("{}", row(sends, &outcomes));
        ways.push((sends, outcomes));
    }
    Ok(Findings { ways, pairs })
}

/// A section of the document, its heading first; `columns` are what stands between `who` and `against`.
pub(super) fn section(
    findings: &Findings,
    [heading, introduction]: [&str; 2],
    columns: [&str; 2],
    row: Row,
) -> String {
    let mut text = format!("{heading}\n\n{introduction}");
    let _ = writeln!(
        text,
        "{} pairs; medians, in brackets the smallest and the largest.\n\n\
         | direction | who | Gbit/s | {} | against |\n|---|---|---|---|---|---|",
        findings.pairs,
        columns.join(" | "),
    );
    for (sends, outcomes) in &findings.ways {
        let _ = writeln!(text, "{}", row(*sends, outcomes));
    }
    text
}
