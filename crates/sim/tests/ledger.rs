//! Named scenarios in virtual time: what happened to every payload, and in which time.
#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "shared/stage.rs"]
mod stage;

#[path = "ledger/load.rs"]
mod load;
#[path = "ledger/own.rs"]
mod own;
#[path = "ledger/retry.rs"]
mod retry;
#[path = "ledger/sharing.rs"]
mod sharing;
#[path = "ledger/silence.rs"]
mod silence;
