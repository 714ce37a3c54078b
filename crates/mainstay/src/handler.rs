//! Handlers: the application in the loop.

use mainstay_base::{Outcome, Reason};
use mainstay_node::{Commands, StreamId};
use mainstay_policy::State;
use mainstay_stream::{Answer, Flags, Misuse, PayloadId, Stream};

/// What a stream's owner does when something happens. Every method has the default of SS-008.
///
/// Called in the loop: what takes long holds up every stream of the device.
pub trait Handler {
    /// A state (SS-100); the answer decides as SS-121 says.
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        let _unused = (cx, state, ordinal, reason);
        Answer::Ok
    }

    /// Payload came: a piece of a message, lent for this call. May be empty with `EOM`.
    ///
    /// What is to be kept is copied; the bytes themselves lie in the device's receive buffer:
    ///
    /// ```compile_fail,E0521
    /// # use mainstay::{Answer, Context, Flags, Handler};
    /// struct Lazy;
    ///
    /// impl Handler for Lazy {
    ///     fn rx(&mut self, _: &mut Context<'_>, payload: &[u8], _: Flags) -> Answer {
    ///         std::thread::spawn(move || println!("{}", payload.len()));
    ///         Answer::Ok
    ///     }
    /// }
    /// ```
    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        let _unused = (cx, payload, flags);
        Answer::Ok
    }

    /// There is room: put payload into `buffer` and say how much.
    fn tx(&mut self, cx: &mut Context<'_>, ordinal: u32, buffer: &mut [u8]) -> Tx {
        let _unused = (cx, ordinal, buffer);
        Tx::DontSend
    }

    /// A message's one outcome. With `through` it holds for every message up to and with `id`
    /// that had none yet.
    fn outcome(&mut self, cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, through: bool) {
        let _unused = (cx, id, outcome, through);
    }
}

/// The answer of `tx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tx {
    /// Send the first `len` bytes of the buffer.
    Send {
        /// Bytes put in. More than the buffer holds is refused with `Local::Limit`.
        len: usize,
        /// Whether they begin and end a message.
        flags: Flags,
    },
    /// Nothing now; no further opportunity is scheduled.
    DontSend,
    /// Close the connection.
    Disconnect,
    /// End the stream.
    Destroy,
}

/// The stream a handler is called for. What is asked here is carried out when the handler returns.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) id: StreamId,
    pub(crate) view: &'a Stream,
    pub(crate) commands: &'a mut Commands,
    pub(crate) room: usize,
    pub(crate) topic: Option<&'a str>,
    pub(crate) binary: bool,
    pub(crate) open: bool,
    pub(crate) begun: u64,
}

impl<'a> Context<'a> {
    /// The stream's name in its device.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        self.id
    }

    /// The stream itself, to look at.
    #[must_use]
    pub const fn stream(&self) -> &'a Stream {
        self.view
    }

    /// The value of a metadata, if declared and set (SS-227).
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&'a [u8]> {
        self.view.metadata(name)
    }

    /// MQTT: the topic the payload came under (SS-569).
    #[must_use]
    pub const fn topic(&self) -> Option<&'a str> {
        self.topic
    }

    /// WebSocket: whether the message that comes is binary (SS-544).
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        self.binary
    }

    /// Payload bytes `send` takes now; 0 when the stream is not connected.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.room
    }

    /// Sends a piece of a message at once, without waiting for `tx`; names its message.
    ///
    /// # Errors
    /// `NoRoom` for more than `room`: ask `request_tx` and send from `tx`. `NotConnected`.
    /// `Framing` when the flags contradict what went before (SS-310).
    pub fn send(&mut self, payload: &[u8], flags: Flags) -> Result<PayloadId, Misuse> {
        if !self.view.is_open() {
            return Err(Misuse::NotConnected);
        }
        if payload.len() > self.room {
            return Err(Misuse::NoRoom);
        }
        let piece = self.view.piece(self.open, flags).ok_or(Misuse::Framing)?;
        self.room -= payload.len();
        self.begun += u64::from(piece.0);
        self.open = !piece.1;
        self.commands.send(payload, flags);
        Ok(PayloadId(self.view.next_payload().0 + self.begun - 1))
    }

    /// Asks for a `tx` call (SS-214).
    pub fn request_tx(&mut self) {
        self.commands.request_tx();
    }

    /// As `request_tx`, and announces the coming message's length in bytes (SS-215).
    pub fn request_tx_len(&mut self, len: u64) {
        self.commands.request_tx_len(len);
    }

    /// Starts an attempt now (SS-216).
    pub fn connect(&mut self) {
        self.commands.connect();
    }

    /// (Re)arms the stream's timer, in milliseconds; 0 means the policy's value (SS-220).
    pub fn start_timeout(&mut self, milliseconds: u32) {
        self.commands.start_timeout(milliseconds);
    }

    /// Disarms the stream's timer (SS-221).
    pub fn cancel_timeout(&mut self) {
        self.commands.cancel_timeout();
    }

    /// Sets a metadata for its next use (SS-225).
    ///
    /// # Errors
    /// `NoSuchMetadata` when the streamtype does not declare it.
    pub fn set_metadata(&mut self, name: &str, value: &[u8]) -> Result<(), Misuse> {
        if !self.view.declares(name) {
            return Err(Misuse::NoSuchMetadata);
        }
        self.commands.set_metadata(name, value);
        Ok(())
    }

    /// Lets this stream's reader sleep, or wakes it; the peer's window closes meanwhile.
    pub fn pause(&mut self, paused: bool) {
        self.commands.pause(paused);
    }

    /// The connection is known to be good (SS-242).
    pub fn confirm_validity(&mut self) {
        self.commands.confirm_validity();
    }

    /// Closes the connection in order (SS-125).
    pub fn close(&mut self) {
        self.commands.close();
    }

    /// Ends the stream; legal from everywhere (SS-131).
    pub fn destroy(&mut self) {
        self.commands.destroy();
    }
}
