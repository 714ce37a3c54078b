//! The one door: checks, peers, benchmarks.

fn main() {}
