//! Streams by name; a policy says the rest.
//!
//! An application names a *streamtype* and moves payloads. Where the peer is, which protocol is
//! spoken, whom to trust, how often to retry and through which proxy stands in a JSON policy.
//!
//! Three ways to use a stream:
//! - a [`Handler`] called in the loop: the fastest face, see [`Device::create`];
//! - an async handle under any executor: [`Device::open`] or [`Remote::open`], then [`Stream`];
//! - the same handle, blocking: [`Stream::blocking`].
//!
//! Three ways to run a device:
//! - on the caller's thread: [`Device::turn`];
//! - on a thread of its own: [`Builder::spawn`];
//! - inside any executor: a [`Device`] lends its epoll descriptor ([`std::os::fd::AsFd`]) and says
//!   its [`Device::deadline`]; when either is due, `turn(Some(Duration::ZERO))`.
//!
//! `crates/mainstay/examples` has a program for each; here they are in short.
//!
//! # A handler in the loop
//! ```
//! use mainstay::{Answer, Builder, Context, Flags, Handler, Policy, Reason, State};
//!
//! /// Says hello once and ends when it comes back.
//! struct Greeter;
//!
//! impl Handler for Greeter {
//!     fn state(
//!         &mut self,
//!         cx: &mut Context<'_>,
//!         state: State,
//!         _ordinal: u32,
//!         _why: Option<Reason>,
//!     ) -> Answer {
//!         let done = match state {
//!             State::Creating => Ok(cx.connect()),
//!             // What is longer than `cx.room()` is asked for by `request_tx` and sent from `tx`.
//!             State::Connected => cx.send(b"hello", Flags::SOM | Flags::EOM).map(|_id| ()),
//!             State::AllRetriesFailed => return Answer::DestroyMe,
//!             _ => Ok(()),
//!         };
//!         if done.is_ok() { Answer::Ok } else { Answer::DestroyMe }
//!     }
//!
//!     fn rx(&mut self, _cx: &mut Context<'_>, payload: &[u8], _flags: Flags) -> Answer {
//!         assert_eq!(payload, b"hello");
//!         Answer::DestroyMe
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let peer = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = peer.local_addr()?.port().to_string();
//! # std::thread::spawn(move || {
//! #     let (mut from, _) = peer.accept()?;
//! #     let mut to = from.try_clone()?;
//! #     std::io::copy(&mut from, &mut to)
//! # });
//! let policy = r#"{ "s": [{ "echo": { "endpoint": "127.0.0.1", "port": 7007, "protocol": "raw" } }] }"#;
//! # let policy = &policy.replace("7007", &port);
//! let mut device = Builder::new(Policy::parse(policy, "policy.json")?.policy).build()?;
//! let greeter = device.create("echo", Greeter)?;
//! while device.node().stream(greeter).is_some() {
//!     device.turn(None)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # An async handle
//! Under any executor; here tokio's.
//! ```
//! use mainstay::{Builder, Outcome, Policy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let peer = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = peer.local_addr()?.port().to_string();
//! # std::thread::spawn(move || {
//! #     let (mut from, _) = peer.accept()?;
//! #     let mut to = from.try_clone()?;
//! #     std::io::copy(&mut from, &mut to)
//! # });
//! let policy = r#"{ "s": [{ "echo": { "endpoint": "127.0.0.1", "port": 7007, "protocol": "raw" } }] }"#;
//! # let policy = &policy.replace("7007", &port);
//! let device = Builder::new(Policy::parse(policy, "policy.json")?.policy).spawn()?;
//! let stream = device.open("echo");
//! // Raw bytes are not acknowledged: that they were sent is all there is to know.
//! assert_eq!(stream.send("hello").await?, Outcome::Sent);
//! assert_eq!(stream.recv().await?.bytes, b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # A blocking handle
//! ```
//! use core::time::Duration;
//! use mainstay::{Builder, Outcome, Policy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let peer = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = peer.local_addr()?.port().to_string();
//! # std::thread::spawn(move || {
//! #     let (mut from, _) = peer.accept()?;
//! #     let mut to = from.try_clone()?;
//! #     std::io::copy(&mut from, &mut to)
//! # });
//! let policy = r#"{ "s": [{ "echo": { "endpoint": "127.0.0.1", "port": 7007, "protocol": "raw" } }] }"#;
//! # let policy = &policy.replace("7007", &port);
//! let device = Builder::new(Policy::parse(policy, "policy.json")?.policy).spawn()?;
//! let stream = device.open("echo").blocking();
//! assert_eq!(stream.send("hello")?, Outcome::Sent);
//! let chunk = stream.recv(Some(Duration::from_secs(10)))?;
//! assert_eq!(chunk.map(|chunk| chunk.bytes), Some(b"hello".to_vec()));
//! # Ok(())
//! # }
//! ```
//!
//! # What does not compile
//! Types refuse what would go wrong at run time, and each of these stands as a test beside its type: a [`Ticket`]
//! asked twice, a [`Stream`] used after it became [`Blocking`], a [`Device`] moved to another thread, a
//! [`Handler`] that borrows from its caller, payload kept beyond the call it was lent for, a [`Builder`] or
//! [`Remote`] used after its end, a policy nobody has checked.

#![forbid(unsafe_code)]

mod builder;
pub mod command;
mod device;
mod explain;
mod handler;
mod machine;
mod queue;
mod remote;
mod router;
mod stream;

pub use builder::{BuildError, Builder};
pub use device::{Canceller, Device};
pub use explain::{Explanation, Unexplained, explain};
pub use handler::{Context, Handler, Tx};
pub use mainstay_base::{
    Certificate, Instant, Local, Network, Outcome, Peer, Phase, Policy as PolicyReason, Reason,
};
pub use mainstay_host::{Counters as LoopCounters, ResolveHook, Waker, WallHook};
pub use mainstay_node::{Node, PoolConfig, ReplaceError, Resolved, StreamId};
pub use mainstay_policy as policy;
pub use mainstay_policy::{Policy, State};
/// Our own TCP/IP stack for programs that want connections and no streams: see [`own::Sockets`].
///
/// ```no_run
/// use mainstay::own::{Config, Prefix, Sockets, WireOptions};
///
/// # async fn run() -> std::io::Result<()> {
/// let link = WireOptions {
///     name: "tap0".into(),
///     offload: true,
///     addresses: Prefix::new("198.18.1.10".parse().unwrap(), 24).into_iter().collect(),
///     ..WireOptions::default()
/// };
/// let sockets = Sockets::spawn(Config { offload: true, ..Config::default() }, &[link])?;
/// let connection = sockets.connect("198.18.1.2:7".parse().unwrap()).await?;
/// // With the features `tokio` and `futures` it is an `AsyncRead` and `AsyncWrite` of theirs.
/// let sent = core::future::poll_fn(|context| connection.poll_write(context, b"hello")).await?;
/// # assert!(sent > 0);
/// connection.finish()
/// # }
/// ```
#[cfg(target_os = "linux")]
pub mod own {
    pub use mainstay_host::own::{Connect, Connection, Listener, Sockets, WireKind, WireOptions};
    pub use mainstay_net::Prefix;
    pub use mainstay_net::network::{Config, Settings};
    pub use mainstay_tcp::{Facts, Push};
}
/// A stream as its device sees it: what [`Context::stream`] and [`Node::stream`] lend.
pub use mainstay_stream::Stream as View;
pub use mainstay_stream::{Answer, Blobs, Counters, CreateError, Flags, Misuse, PayloadId};
pub use remote::Remote;
pub use stream::{Blocking, Chunk, Closed, Stream, Ticket};
