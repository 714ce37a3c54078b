//! The plot: one bar for each goal, its length the ratio, a mark where the goal is.

use crate::measure::Results;
use core::fmt::Write as _;

const ROW: u32 = 34;
const LEFT: u32 = 250;
const WIDTH: u32 = 860;
/// Pixels of a ratio of one.
const ONE: f64 = 260.0;

/// An SVG that reads on light and on dark paper.
pub(crate) fn svg(results: &Results) -> String {
    let mut bars = String::new();
    let mut top = 40;
    for outcome in &results.outcomes {
        for goal in outcome.scenario.goals {
            let Some((ratio, least, most)) = outcome.ratio(goal.ours, goal.theirs) else {
                continue;
            };
            let label = format!("{}: {} / {}", outcome.scenario.name, goal.ours, goal.theirs);
            bar(&mut bars, top, &label, ratio, (least, most), goal.at_most);
            top += ROW;
        }
    }
    let height = top + 20;
    let one = f64::from(LEFT) + ONE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>CPU time per operation, ours against the peer's</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"22\" fill=\"#222222\">CPU time of the client per operation: ours as a \
         share of the peer's. Shorter is better; the red mark is the goal.</text>\n\
         <line x1=\"{one}\" y1=\"32\" x2=\"{one}\" y2=\"{}\" stroke=\"#999999\" \
         stroke-dasharray=\"4 3\"/>\n{bars}</svg>\n",
        height - 12
    )
}

fn bar(out: &mut String, top: u32, label: &str, ratio: f64, spread: (f64, f64), goal: f64) {
    let longest = f64::from(WIDTH - LEFT) / ONE - 0.3;
    let x = |ratio: f64| f64::from(LEFT) + ratio.min(longest) * ONE;
    let color = if ratio <= goal { "#3b7dd8" } else { "#d8913b" };
    let (middle, base) = (top + 11, top + 16);
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\" fill=\"#222222\">{label}</text>\n\
         <rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"22\" fill=\"{color}\"/>\n\
         <line x1=\"{:.1}\" y1=\"{middle}\" x2=\"{:.1}\" y2=\"{middle}\" stroke=\"#222222\"/>\n\
         <line x1=\"{:.1}\" y1=\"{}\" x2=\"{:.1}\" y2=\"{}\" stroke=\"#cc2222\" stroke-width=\"3\"/>\n\
         <text x=\"{:.1}\" y=\"{base}\" fill=\"#222222\">{ratio:.2}</text>\n",
        LEFT - 10,
        x(ratio) - f64::from(LEFT),
        x(spread.0),
        x(spread.1),
        x(goal),
        top - 3,
        x(goal),
        top + 25,
        x(ratio.max(goal).max(spread.1)) + 8.0,
    );
}
