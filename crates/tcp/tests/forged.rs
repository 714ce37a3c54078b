//! Someone who sees everything, or nothing, and sends what he likes: the streams stay what they are, and work is bounded.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "forged/blind.rs"]
mod blind;
#[path = "forged/greedy.rs"]
mod greedy;
#[path = "swarm/lent.rs"]
mod lent;
#[path = "forged/pair.rs"]
mod pair;
#[path = "forged/patience.rs"]
mod patience;
#[expect(dead_code, reason = "plans are not drawn here")]
#[path = "swarm/plan.rs"]
mod plan;
#[expect(dead_code, reason = "not all of it is needed here")]
#[path = "swarm/side.rs"]
mod side;
