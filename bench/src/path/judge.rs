//! Medians, spreads, and whether a goal is reached.

use crate::report::median;

/// The median, the least and the most.
pub(super) fn spread(values: &[f64]) -> [f64; 3] {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    [median(values.to_vec()).unwrap_or_default(), least, most]
}

/// `ours / theirs`, pair by pair, and what is asked of it.
pub(super) fn ratio(
    [ours, theirs]: [&str; 2],
    values: [&[f64]; 2],
    at_least: Option<f64>,
) -> String {
    let ratios: Vec<f64> =
        values[0].iter().zip(values[1]).map(|(own, other)| own / other).collect();
    let [middle, least, most] = spread(&ratios);
    let words = format!("{ours} / {theirs} {middle:.2} ({least:.2} to {most:.2})");
    let Some(goal) = at_least else { return words };
    // What is shown is what is judged.
    let verdict =
        if (middle * 100.0).round() >= (goal * 100.0).round() { "pass" } else { "FALLS SHORT" };
    format!("{words} — goal {goal:.2}: {verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_pairs_and_judged_by_its_median() {
        let words = ratio(["a", "b"], [&[1.0, 4.0, 3.0], &[1.0, 2.0, 3.0]], Some(1.0));
        assert_eq!(words, "a / b 1.00 (1.00 to 2.00) — goal 1.00: pass");
        let words = ratio(["a", "b"], [&[0.9], &[1.0]], Some(1.0));
        assert_eq!(words, "a / b 0.90 (0.90 to 0.90) — goal 1.00: FALLS SHORT");
        assert_eq!(ratio(["a", "b"], [&[1.0], &[2.0]], None), "a / b 0.50 (0.50 to 0.50)");
    }
}
