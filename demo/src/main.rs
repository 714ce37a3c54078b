//! Mainstay's command line with peers from other people's libraries in the same process.

fn main() {}
