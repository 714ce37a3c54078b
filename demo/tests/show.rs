//! The show itself: every protocol at once, and both sides' figures agree.

use core::time::Duration;
use demo::show;

#[test]
fn every_payload_has_an_outcome_and_both_sides_count_the_same() {
    let shown = show::play(Duration::from_millis(1500), true).unwrap();
    assert!(shown.agreed, "{}", shown.report);
    assert!(shown.report.contains("without outcome 0"), "{}", shown.report);
}
