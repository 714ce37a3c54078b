//! A device on the caller's thread.

use crate::handler::Handler;
use crate::machine::Joined;
use crate::queue::{Mailbox, Wish};
use crate::router::Router;
use crate::stream::Stream;
use core::time::Duration;
use mainstay_base::Instant;
use mainstay_host::Driver;
use mainstay_node::{Node, StreamId};
use mainstay_stream::CreateError;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// A device: streams of one policy, run by calling [`turn`](Self::turn).
///
/// ```
/// use core::time::Duration;
/// use mainstay::{Builder, Handler, Policy, State};
///
/// /// Answers the default to everything.
/// struct Silent;
/// impl Handler for Silent {}
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = r#"{ "s": [{ "feed": { "endpoint": "feed.example", "protocol": "ws", "tls": true } }] }"#;
/// let mut device = Builder::new(Policy::parse(policy, "policy.json")?.policy).build()?;
/// let feed = device.create("feed", Silent)?;
/// assert_eq!(device.node().stream(feed).map(|stream| stream.state()), Some(State::Creating));
/// device.destroy(feed);
/// device.turn(Some(Duration::ZERO))?; // commands are carried out in the turn
/// assert!(device.node().stream(feed).is_none());
/// # Ok(())
/// # }
/// ```
///
/// It stays on its thread, as its handlers do; [`Builder::spawn`](crate::Builder::spawn) makes one on another.
///
/// ```compile_fail,E0277
/// # use mainstay::{Builder, Policy};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut device = Builder::new(Policy::default()).build()?;
/// std::thread::spawn(move || device.turn(None));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Device {
    driver: Driver<Joined<Router>>,
    mailbox: Arc<Mailbox>,
}

impl Device {
    pub(crate) fn new(driver: Driver<Joined<Router>>, mailbox: Arc<Mailbox>) -> Self {
        mailbox.set_waker(driver.waker());
        Self { driver, mailbox }
    }

    /// Creates a stream whose handler is called in the loop. CREATING comes before this returns
    /// (SS-210); a nailed-up stream is connecting then.
    ///
    /// The device owns the handler. What it shares with its caller it shares by `Rc` or `Arc`, not by a borrow:
    ///
    /// ```compile_fail,E0597
    /// # use mainstay::{Answer, Builder, Context, Flags, Handler, Policy};
    /// struct Collector<'a>(&'a mut Vec<u8>);
    ///
    /// impl Handler for Collector<'_> {
    ///     fn rx(&mut self, _: &mut Context<'_>, payload: &[u8], _: Flags) -> Answer {
    ///         self.0.extend_from_slice(payload);
    ///         Answer::Ok
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut device = Builder::new(Policy::default()).build()?;
    /// let mut received = Vec::new();
    /// device.create("feed", Collector(&mut received))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `UnknownStreamtype`, `Unsupported`, `Limit`; `RefusedByHandler` when the handler answered
    /// CREATING with `DestroyMe`.
    pub fn create(
        &mut self,
        streamtype: &str,
        handler: impl Handler + 'static,
    ) -> Result<StreamId, CreateError> {
        let now = self.driver.now();
        let joined = self.driver.machine_mut();
        let id = joined.node.create(now, streamtype)?;
        joined.application.set(id, Box::new(handler));
        self.driver.pump();
        self.node().stream(id).map(|_| id).ok_or(CreateError::RefusedByHandler)
    }

    /// How many closed connections still have bytes to send: a program that ends while there are some may lose them.
    #[must_use]
    pub fn leaving_count(&self) -> usize {
        self.driver.leaving_count()
    }

    /// Another handler answers for a stream from now on; the one before comes back (SS-230).
    pub fn change_handler(
        &mut self,
        id: StreamId,
        handler: impl Handler + 'static,
    ) -> Option<Box<dyn Handler>> {
        self.node().stream(id)?;
        self.driver.machine_mut().application.set(id, Box::new(handler))
    }

    /// Cancels the wait of `turn` from any thread (SS-012).
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(Arc::clone(&self.mailbox))
    }

    /// Creates a stream by handle, for use from tasks and other threads while this one turns.
    /// What is wrong with the streamtype is told by the handle's first use.
    #[must_use]
    pub fn open(&self, streamtype: &str) -> Stream {
        Stream::ask(streamtype, &self.mailbox)
    }

    /// Waits at most `wait` (`None`: until something happens) and serves all that came.
    ///
    /// # Errors
    /// When the poll itself fails, which only a broken system makes it.
    pub fn turn(&mut self, wait: Option<Duration>) -> io::Result<()> {
        self.driver.turn(wait)
    }

    /// When `turn` must be called although the descriptor is not readable.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.driver.deadline()
    }

    /// How long until [`deadline`](Self::deadline), for the timer of another loop; zero when that has
    /// passed.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        self.deadline().map(|at| at.since(self.now()))
    }

    /// The time by this device's clock.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.driver.now()
    }

    /// The node, to look at.
    #[must_use]
    pub const fn node(&self) -> &Node {
        &self.driver.machine().node
    }

    /// The node and the time, to give commands; they are carried out at the next turn.
    pub fn node_mut(&mut self) -> (Instant, &mut Node) {
        let now = self.driver.now();
        (now, &mut self.driver.machine_mut().node)
    }

    /// Asks for a tx opportunity on a stream (SS-214).
    pub fn request_tx(&mut self, id: StreamId) {
        let (now, node) = self.node_mut();
        node.request_tx(now, id);
    }

    /// Ends a stream (SS-213).
    pub fn destroy(&mut self, id: StreamId) {
        let (now, node) = self.node_mut();
        node.destroy(now, id);
    }

    /// Ends a wait of `turn` from another thread.
    #[must_use]
    pub fn waker(&self) -> mainstay_host::Waker {
        self.driver.waker()
    }

    /// What the driver did so far.
    #[must_use]
    pub const fn counters(&self) -> mainstay_host::Counters {
        self.driver.counters()
    }
}

/// Wakes a device from any thread: every stream of it hears `EVENT_WAIT_CANCELLED`.
#[derive(Clone, Debug)]
pub struct Canceller(Arc<Mailbox>);

impl Canceller {
    /// Ends the present wait, or the next one.
    pub fn cancel(&self) {
        self.0.put(Wish::Cancel);
    }
}

impl AsFd for Device {
    /// Readable when `turn` has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.driver.as_fd()
    }
}
