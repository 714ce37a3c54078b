//! The driver: the one place where a device meets its operating system.
//!
//! Everything below this crate is a value without a clock or a socket. Here are both: one epoll,
//! one deadline, kernel sockets, the platform's resolver on a thread of its own, entropy, the
//! platform's trust anchors.
//!
//! # A turn
//! [`Driver::turn`] waits once, then does in this order: connections that opened or failed, wakes
//! from other threads, resolver answers, input (each readable socket a bounded share), deadlines,
//! requests of the machine, output (one write per connection). With one message in flight that is
//! three system calls: wait, read, write.
//!
//! # Three faces
//! - **The caller's thread**: call [`Driver::turn`] in your own loop. No hand-over between threads.
//! - **A thread of its own**: [`spawn`].
//! - **Any executor, any event loop**: the driver is a readable descriptor ([`AsFd`]) and a
//!   deadline ([`Driver::deadline`]). Whenever the descriptor is readable or the deadline has
//!   passed, call `turn(Some(Duration::ZERO))` once. Under tokio:
//!
//! ```no_run
//! use core::time::Duration;
//! use mainstay_host::{Driver, Machine};
//! use std::os::fd::AsFd;
//! use tokio::io::{Interest, unix::AsyncFd};
//!
//! async fn drive<M: Machine>(mut driver: Driver<M>) -> std::io::Result<()> {
//!     let poll = driver.as_fd().try_clone_to_owned()?;
//!     // Deprecated since tokio 1.54 for an unsafe one, as what it is given may close its
//!     // descriptor early; this one owns it.
//!     #[expect(deprecated)]
//!     let poll = AsyncFd::with_interest(poll, Interest::READABLE)?;
//!     loop {
//!         // Forget the readiness before looking, so that what comes meanwhile is seen again.
//!         let wait = driver.deadline().map(|at| at.since(driver.now()));
//!         let readable = poll.readable();
//!         match wait {
//!             Some(wait) => {
//!                 if let Ok(guard) = tokio::time::timeout(wait, readable).await {
//!                     guard?.clear_ready();
//!                 }
//!             }
//!             None => readable.await?.clear_ready(),
//!         }
//!         driver.turn(Some(Duration::ZERO))?;
//!     }
//! }
//! ```
//!
//! # Links
//! [`link`] moves whole frames with their offload facts: TAP, TUN, a packet socket (Linux only). It
//! stands beside the driver: whoever has a stack of packets of its own opens one and polls it.
//!
//! # A stack of our own
//! [`own`] puts TCP on links instead of the kernel's sockets: [`Driver::set_own`].
//!
//! Absent on purpose: an async runtime, a hidden thread (but for the resolver's), a timer
//! descriptor, a log.
//!
//! [`AsFd`]: std::os::fd::AsFd

mod clock;
mod counters;
mod driver;
mod entropy;
mod errno;
mod limits;
pub mod link;
mod machine;
pub mod own;
mod resolver;
mod roots;
mod socket;
mod spawn;
mod sys;
mod table;
mod waker;

pub use counters::Counters;
pub use driver::Driver;
pub use entropy::entropy;
pub use errno::errno;
pub use limits::{Config, LINGER, ResolveHook, WallHook};
pub use machine::Machine;
pub use own::Own;
pub use roots::{PlatformRoots, platform_roots};
pub use spawn::{Running, spawn};
pub use waker::Waker;
