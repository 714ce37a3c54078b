//! Handles: a stream from another place than the loop, async or blocking.

use crate::queue::{Ask, Inside, Letters, Mailbox, News, OUTBOX_MAX, Outgoing, Wish};
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use mainstay_base::{Outcome, Reason};
use mainstay_policy::State;
use mainstay_stream::{CreateError, Flags};
use std::sync::Arc;

/// A piece of a received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The bytes; empty at the end of an HTTP response.
    pub bytes: Vec<u8>,
    /// Whether they begin and end a message (SS-301).
    pub flags: Flags,
    /// MQTT: the topic, with the first piece.
    pub topic: Option<String>,
    /// WebSocket: whether the message is binary.
    pub binary: bool,
}

/// Why a handle is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The stream was never created.
    Refused(CreateError),
    /// The stream was destroyed; the last reason heard, if any.
    Destroyed(Option<Reason>),
    /// A message is larger than the caller allows.
    TooLarge,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "the stream was not created: {error}"),
            Self::Destroyed(Some(reason)) => {
                write!(f, "the stream is gone: {reason}")
            }
            Self::Destroyed(None) => f.write_str("the stream is gone"),
            Self::TooLarge => f.write_str("a message is larger than the caller allows"),
        }
    }
}

impl core::error::Error for Closed {}

/// A stream by handle. `Send`; dropping it destroys the stream.
///
/// Every method works under any executor: nothing here knows one.
///
/// ```
/// use mainstay::{Builder, Closed, CreateError, Policy, State, Stream};
///
/// fn anywhere<T: Send + Sync + 'static>(_: &T) {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = r#"{ "s": [{ "feed": { "endpoint": "feed.example", "protocol": "ws", "tls": true } }] }"#;
/// let device = Builder::new(Policy::parse(policy, "policy.json")?.policy).spawn()?;
/// let feed: Stream = device.open("feed");
/// anywhere(&feed);
/// feed.reaches(State::Creating).await?;
///
/// // What is wrong with a name is told by the first use.
/// let wrong = device.open("fede").recv().await;
/// assert_eq!(wrong, Err(Closed::Refused(CreateError::UnknownStreamtype)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Stream {
    letters: Arc<Letters>,
    mailbox: Arc<Mailbox>,
}

/// A message on its way; resolves to its one outcome.
///
/// There is one, so it can be asked for once:
///
/// ```compile_fail,E0382
/// # use mainstay::{Closed, Outcome, Stream};
/// async fn twice(stream: Stream) -> Result<(Outcome, Outcome), Closed> {
///     let ticket = stream.post("temperature=21").await?;
///     Ok((ticket.outcome().await, ticket.outcome().await))
/// }
/// ```
///
/// A wait that was too short gives it back:
///
/// ```
/// use core::time::Duration;
/// use mainstay::{Builder, Outcome, Policy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let peer = std::net::TcpListener::bind("127.0.0.1:0")?; // takes connections and says nothing
/// # let port = peer.local_addr()?.port().to_string();
/// let policy = r#"{ "s": [{ "feed": { "endpoint": "127.0.0.1", "port": 7007, "protocol": "ws" } }] }"#;
/// # let policy = &policy.replace("7007", &port);
/// let device = Builder::new(Policy::parse(policy, "policy.json")?.policy).spawn()?;
/// let feed = device.open("feed").blocking();
/// let ticket = feed.post("temperature=21")?;
/// let ticket = ticket.wait(Some(Duration::from_millis(1))).expect_err("nobody answers");
/// drop(feed); // gives every message that it still holds an outcome
/// assert!(matches!(ticket.wait(None), Ok(Outcome::Refused(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a ticket says what became of the message"]
pub struct Ticket {
    number: u64,
    letters: Arc<Letters>,
}

impl Stream {
    /// A handle whose stream the loop creates when it next looks.
    pub(crate) fn ask(streamtype: &str, mailbox: &Arc<Mailbox>) -> Self {
        let letters = Arc::new(Letters::default());
        mailbox.put(Wish::Open(streamtype.to_owned(), Arc::clone(&letters)));
        Self { letters, mailbox: Arc::clone(mailbox) }
    }

    /// Queues a message and waits for nothing but room; the ticket tells its outcome.
    ///
    /// # Errors
    /// `Closed` when the stream is gone.
    pub async fn post(&self, payload: impl Into<Vec<u8>>) -> Result<Ticket, Closed> {
        let mut payload = Some(payload.into());
        let queued = poll_fn(|cx| {
            self.letters
                .poll(News::Room, cx.waker(), |inside| enqueue(inside, &mut payload))
                .map_or(Poll::Pending, Poll::Ready)
        });
        self.posted(queued.await)
    }

    /// Sends a message and waits for its outcome.
    ///
    /// # Errors
    /// `Closed` when the stream is gone.
    pub async fn send(&self, payload: impl Into<Vec<u8>>) -> Result<Outcome, Closed> {
        Ok(self.post(payload).await?.outcome().await)
    }

    /// The next piece of payload.
    ///
    /// # Errors
    /// `Closed` when the stream is gone and everything it received was taken.
    pub async fn recv(&self) -> Result<Chunk, Closed> {
        self.received(|inside, resume| inside.take(resume)).await
    }

    /// The next whole message, of at most `len_max` bytes. Giving up in the midst loses nothing: the
    /// next call goes on.
    ///
    /// # Errors
    /// As `recv`; `TooLarge` for a longer one, which is skipped.
    pub async fn message(&self, len_max: usize) -> Result<Vec<u8>, Closed> {
        self.received(|inside, resume| inside.gather(len_max, resume)).await
    }

    /// Waits until every message that was posted has its outcome.
    ///
    /// # Errors
    /// `Closed` when the stream is gone.
    pub async fn flush(&self) -> Result<(), Closed> {
        poll_fn(|cx| {
            let attempt = self.letters.poll(News::Outcome, cx.waker(), |inside| settled(inside));
            attempt.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Waits until the stream is in this state, or passed through it since this handle last called
    /// `connect` or `close` or waited here: nothing it commands happens too fast to be seen.
    ///
    /// # Errors
    /// `Closed` when the stream is gone before.
    pub async fn reaches(&self, state: State) -> Result<(), Closed> {
        let reached = poll_fn(|cx| {
            let attempt = |inside: &mut Inside| inside.reached(state);
            self.letters.poll(News::State, cx.waker(), attempt).map_or(Poll::Pending, Poll::Ready)
        });
        reached.await
    }

    /// The state last heard.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.letters.look(|inside| inside.state)
    }

    /// Why the last attempt or connection ended, until the next one succeeds.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        self.letters.look(|inside| inside.reason)
    }

    /// Starts an attempt, and with HTTP a transaction (SS-216).
    pub fn connect(&self) {
        self.letters.look(Inside::command);
        self.wish(Ask::Connect);
    }

    /// Sets a metadata for its next use, before anything posted later begins; what was posted
    /// earlier and did not begin yet uses it too. A name that is not declared is ignored (SS-225).
    pub fn set_metadata(&self, name: &str, value: &[u8]) {
        self.letters.look(|inside| inside.metadata_asked += 1);
        self.wish(Ask::Metadata(name.to_owned(), value.to_vec()));
    }

    /// Closes the connection in order; reconnect rules apply (SS-125).
    pub fn close(&self) {
        self.letters.look(Inside::command);
        self.wish(Ask::Close);
    }

    /// The same stream for callers that block.
    ///
    /// It is moved, so that nobody awaits beside who blocks:
    ///
    /// ```compile_fail,E0382
    /// # use mainstay::{Closed, Stream};
    /// async fn both(stream: Stream) -> Result<(), Closed> {
    ///     let blocking = stream.blocking();
    ///     stream.send("temperature=21").await?;
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub const fn blocking(self) -> Blocking {
        Blocking(self)
    }

    fn posted(&self, queued: Result<(u64, bool), Closed>) -> Result<Ticket, Closed> {
        let (number, first) = queued?;
        if first {
            self.wish(Ask::Send);
        }
        Ok(Ticket { number, letters: Arc::clone(&self.letters) })
    }

    async fn received<T>(
        &self,
        take: impl Fn(&mut Inside, &mut bool) -> Option<Result<T, Closed>>,
    ) -> Result<T, Closed> {
        poll_fn(|cx| {
            let attempt = |inside: &mut Inside| self.attempt(inside, &take);
            self.letters.poll(News::Chunk, cx.waker(), attempt).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Takes what came, and tells the loop at once when there is room again: the rest of what is
    /// waited for may need it.
    fn attempt<T>(
        &self,
        inside: &mut Inside,
        take: impl Fn(&mut Inside, &mut bool) -> Option<Result<T, Closed>>,
    ) -> Option<Result<T, Closed>> {
        let mut resume = false;
        let taken = take(inside, &mut resume);
        if resume {
            self.wish(Ask::Resume);
        }
        taken
    }

    fn wish(&self, ask: Ask) {
        self.mailbox.put(Wish::Ask(Arc::clone(&self.letters), ask));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.wish(Ask::Destroy);
    }
}

impl Ticket {
    /// The message's outcome, once there is one. There always will be: a stream that ends gives
    /// everything it still holds an outcome.
    pub async fn outcome(self) -> Outcome {
        poll_fn(|cx| {
            let settled = |inside: &mut Inside| settle(inside, self.number);
            self.letters.poll(News::Outcome, cx.waker(), settled).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The same, blocking, for at most `wait`; the ticket comes back when that was too short.
    ///
    /// # Errors
    /// The ticket itself, when there is no outcome yet.
    pub fn wait(self, wait: Option<Duration>) -> Result<Outcome, Self> {
        let settled = self.letters.block(News::Outcome, wait, |inside| settle(inside, self.number));
        settled.ok_or(self)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.letters.look(|inside| inside.outcomes.remove(&self.number));
    }
}

/// A stream for callers that block. Its loop must run on another thread.
///
/// See the [crate's page](crate#a-blocking-handle) for an example.
#[derive(Debug)]
pub struct Blocking(Stream);

impl Blocking {
    /// Queues a message, waiting for room; the ticket tells its outcome.
    ///
    /// # Errors
    /// `Closed` when the stream is gone.
    pub fn post(&self, payload: impl Into<Vec<u8>>) -> Result<Ticket, Closed> {
        let mut payload = Some(payload.into());
        let queued = self.0.letters.block(News::Room, None, |inside| enqueue(inside, &mut payload));
        self.0.posted(queued.unwrap_or(Err(Closed::Destroyed(None))))
    }

    /// Sends a message and waits for its outcome.
    ///
    /// # Errors
    /// `Closed` when the stream is gone.
    pub fn send(&self, payload: impl Into<Vec<u8>>) -> Result<Outcome, Closed> {
        self.post(payload)?.wait(None).map_err(|_| Closed::Destroyed(None))
    }

    /// The next piece of payload; `None` when none came within `wait`.
    ///
    /// # Errors
    /// `Closed` when the stream is gone and everything it received was taken.
    pub fn recv(&self, wait: Option<Duration>) -> Result<Option<Chunk>, Closed> {
        self.received(wait, |inside, resume| inside.take(resume))
    }

    /// The next whole message, of at most `len_max` bytes; `None` when it was not whole within `wait`,
    /// and the next call goes on.
    ///
    /// # Errors
    /// As `recv`; `TooLarge` for a longer one, which is skipped.
    pub fn message(
        &self,
        len_max: usize,
        wait: Option<Duration>,
    ) -> Result<Option<Vec<u8>>, Closed> {
        self.received(wait, |inside, resume| inside.gather(len_max, resume))
    }

    /// Waits until every message that was posted has its outcome; `false` when `wait` was too short.
    ///
    /// # Errors
    /// `Closed` when the stream is gone.
    pub fn flush(&self, wait: Option<Duration>) -> Result<bool, Closed> {
        let settled = self.0.letters.block(News::Outcome, wait, |inside| settled(inside));
        settled.map_or(Ok(false), |settled| settled.map(|()| true))
    }

    /// As [`Stream::reaches`]; `false` when `wait` was too short.
    ///
    /// # Errors
    /// `Closed` when the stream is gone before.
    pub fn reaches(&self, state: State, wait: Option<Duration>) -> Result<bool, Closed> {
        let reached = self.0.letters.block(News::State, wait, |inside| inside.reached(state));
        reached.map_or(Ok(false), |reached| reached.map(|()| true))
    }

    fn received<T>(
        &self,
        wait: Option<Duration>,
        take: impl Fn(&mut Inside, &mut bool) -> Option<Result<T, Closed>>,
    ) -> Result<Option<T>, Closed> {
        let attempt = |inside: &mut Inside| self.0.attempt(inside, &take);
        self.0.letters.block(News::Chunk, wait, attempt).transpose()
    }

    /// The async handle, for everything that does not wait.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.0
    }
}

type Queued = Result<(u64, bool), Closed>;

/// Puts a message into the outbox if there is room; its ticket, and whether the loop must hear of
/// it.
fn enqueue(inside: &mut Inside, payload: &mut Option<Vec<u8>>) -> Option<Queued> {
    if let Some(closed) = &inside.over {
        return Some(Err(closed.clone()));
    }
    // The first message may be of any size, and the loop must have made the stream.
    if inside.id.is_none() || (!inside.outbox.is_empty() && inside.outbox_bytes >= OUTBOX_MAX) {
        return None;
    }
    let payload = payload.take()?;
    let (ticket, after) = (inside.next_ticket, inside.metadata_asked);
    inside.next_ticket += 1;
    let first = inside.outbox.is_empty();
    inside.outbox_bytes += payload.len();
    inside.outbox.push_back(Outgoing { ticket, payload, sent: 0, after });
    inside.outcomes.insert(ticket, None);
    Some(Ok((ticket, first)))
}

fn settled(inside: &Inside) -> Option<Result<(), Closed>> {
    if inside.is_settled() {
        return Some(Ok(()));
    }
    inside.over.clone().map(Err)
}

fn settle(inside: &mut Inside, ticket: u64) -> Option<Outcome> {
    *inside.outcomes.get(&ticket)?
}
