//! Ground, certificates and real peers for tests.
//!
//! A [`Site`] is where one test happens: a work folder and either a network namespace of its own or this host's loopback.
//! Peers are other people's programs, started on a site, found ready by looking (never by sleeping), asked for their own
//! logs, and gone when their guard is dropped. A test that uses a peer asserts on the peer's log too, so that a wrong
//! port cannot pass.
//!
//! Everything here panics when it cannot do its work: it is scaffolding, and a missing peer is a failed test that names the
//! Debian package. `cargo xtask peers` installs them all.
//!
//! Namespaces are entered by starting programs in them (`ip netns exec`), never by the test's own process. So what is tested
//! in a namespace is a program (the `mainstay` command, curl, ..), and what is tested in the test's own process runs on
//! loopback with free ports. Links are the exception: a thread made for it enters [`Site::network`], and no other does.

#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "scaffolding of tests: what fails here fails the test, with its words"
)]

pub mod frame_relay;
mod namespace;
mod patience;
pub mod peers;
mod pki;
mod process;
mod site;

pub use patience::{Deadline, wait_until};
pub use pki::{Leaf, Pki};
pub use process::{Peer, Ready};
pub use site::{Ran, Site, built, program};
