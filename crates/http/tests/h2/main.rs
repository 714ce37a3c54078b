//! HTTP/2: our client against our server machine, against raw frames and against hyper.
#![expect(clippy::unwrap_used, reason = "tests")]

mod ends;
mod flow;
mod peer_hyper;
mod raw;
mod wire;
mod world;
