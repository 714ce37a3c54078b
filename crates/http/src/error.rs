//! What a caller can do wrong. What the peer does wrong is an event, never an error (L10).

/// A command that cannot be obeyed; the machine is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Misuse {
    /// Another transaction is in progress.
    Busy,
    /// The connection is not open (yet, or any more).
    NotOpen,
    /// The authority holds bytes that a `Host` header may not.
    Authority,
    /// The path does not begin with `/`, or holds bytes that a request line may not.
    Path,
    /// A header that the codec writes itself (`Host`, framing), or one that cannot be written.
    Header,
    /// CONNECT: a tunnel is not a transaction.
    Method,
    /// Fewer bytes were sent than announced (SS-506).
    TooShort,
    /// More bytes were sent than announced (SS-506).
    TooLong,
    /// The queue is full; ask `room` first.
    NoRoom,
    /// `start` inside an unfinished message, or no `start` outside of one (SS-310).
    Framing,
}
