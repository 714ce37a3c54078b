//! From the application down: answers, and the wishes of handlers and handles.

use crate::commands::{Command, Commands};
use crate::node::{Asked, Node};
use crate::slots::StreamId;
use mainstay_base::Instant;
use mainstay_stream::{Answer, Flags, Misuse, PayloadId};

impl Node {
    /// The application's answer to what `next` gave last, and its wishes, which come first.
    pub fn answer(&mut self, now: Instant, id: StreamId, answer: Answer, commands: &mut Commands) {
        let asked = self.asked.take();
        let sent = self.apply(now, id, commands);
        let Some(stream) = self.slots.get_mut(id) else { return };
        match asked {
            Some(Asked::State) => stream.answer(now, &mut self.rng, answer),
            Some(Asked::Payload) => stream.answer_payload(now, answer),
            Some(Asked::Tx) if answer != Answer::Ok || !sent => stream.decline(now, answer),
            Some(Asked::Tx) | None => {}
        }
        self.slots.touch(id);
    }

    /// Carries out wishes; whether anything was sent.
    fn apply(&mut self, now: Instant, id: StreamId, commands: &mut Commands) -> bool {
        if commands.is_empty() {
            return false;
        }
        let bytes = core::mem::take(&mut commands.bytes);
        let mut rest = bytes.as_slice();
        let mut sent = false;
        let mut take = |len: usize| {
            let (head, tail) = rest.split_at_checked(len).unwrap_or_default();
            rest = tail;
            head
        };
        let list = core::mem::take(&mut commands.list);
        let mut torn = false;
        for command in &list {
            match command {
                Command::Send { len, flags } => {
                    let bytes = take(*len);
                    // The rest of a message whose start was refused goes with it.
                    if torn && let Some((_, end)) = self.piece(id, true, *flags) {
                        torn = !end;
                        continue;
                    }
                    let taken = self.offer(now, id, bytes, *flags);
                    sent |= taken;
                    torn = !taken && self.piece(id, false, *flags).is_some_and(|(_, end)| !end);
                }
                Command::SetMetadata { name, value } => {
                    let (name, value) = (take(*name), take(*value));
                    let name = core::str::from_utf8(name).unwrap_or_default();
                    // `Context::set_metadata` has told whether there is such a metadata.
                    let _destroyed = self.set_metadata(id, name, value);
                }
                Command::Overrun => self.refuse(now, id, Misuse::NoRoom),
                Command::RequestTx
                | Command::RequestTxLen(_)
                | Command::Connect
                | Command::StartTimeout(_)
                | Command::CancelTimeout
                | Command::Pause(_)
                | Command::Confirm
                | Command::Close
                | Command::Destroy => self.command(now, id, command),
            }
        }
        // The buffers are given back for the next call.
        commands.list = list;
        commands.list.clear();
        commands.bytes = bytes;
        commands.bytes.clear();
        commands.bytes.shrink_to(64 * 1024);
        sent
    }

    fn command(&mut self, now: Instant, id: StreamId, command: &Command) {
        match command {
            Command::RequestTx => self.request_tx(now, id),
            Command::RequestTxLen(len) => self.request_tx_len(now, id, *len),
            Command::Connect => {
                let _refused = self.connect(now, id);
            }
            Command::StartTimeout(ms) => self.with(id, |stream| stream.start_timeout(now, *ms)),
            Command::CancelTimeout => self.with(id, mainstay_stream::Stream::cancel_timeout),
            Command::Pause(paused) => self.pause(now, id, *paused),
            Command::Confirm => self.confirm_validity(now, id),
            Command::Close => self.with(id, |stream| stream.close(now)),
            Command::Destroy => self.destroy(now, id),
            Command::Send { .. } | Command::Overrun | Command::SetMetadata { .. } => {}
        }
    }

    /// Sends what a handler wished to send, and tells it the outcome if that is refused.
    fn offer(&mut self, now: Instant, id: StreamId, bytes: &[u8], flags: Flags) -> bool {
        let refused = self.send(now, id, bytes, flags).err();
        if let Some(why) = refused {
            self.refuse(now, id, why);
        }
        refused.is_none()
    }

    fn refuse(&mut self, now: Instant, id: StreamId, why: Misuse) {
        self.refused_commands += 1;
        self.with(id, |stream| stream.refuse(now, why));
    }

    /// How `flags` continue a message of `id`: whether the piece begins and ends one.
    fn piece(&self, id: StreamId, open: bool, flags: Flags) -> Option<(bool, bool)> {
        self.slots.get(id)?.piece(open, flags)
    }

    /// Sends a piece of payload; the id names its message.
    ///
    /// # Errors
    /// As `Stream::send`; `NoRoom` when it is more than `room`.
    pub fn send(
        &mut self,
        now: Instant,
        id: StreamId,
        bytes: &[u8],
        flags: Flags,
    ) -> Result<PayloadId, Misuse> {
        let room = self.pool.room(id.channel());
        let stream = self.slots.get_mut(id).ok_or(Misuse::Destroyed)?;
        if stream.is_open() && bytes.len() > room {
            return Err(Misuse::NoRoom);
        }
        let sent = stream.send(now, bytes, flags);
        let result = match sent {
            Ok((payload, chunk)) => match self.pool.send(now, id.channel(), &chunk) {
                Ok(()) => Ok(payload),
                Err(why) => {
                    stream.handle_refusal(now, payload, why);
                    Err(Misuse::Unsupported)
                }
            },
            Err(misuse) => Err(misuse),
        };
        self.slots.touch(id);
        result
    }

    /// Asks for a tx opportunity (SS-214).
    pub fn request_tx(&mut self, now: Instant, id: StreamId) {
        self.with(id, |stream| stream.request_tx(now));
    }

    /// As `request_tx`, and announces the length of the coming message in bytes (SS-215).
    pub fn request_tx_len(&mut self, now: Instant, id: StreamId, len: u64) {
        self.with(id, |stream| stream.request_tx_len(now, len));
    }

    /// Starts an attempt now (SS-216).
    ///
    /// # Errors
    /// `Destroyed`, or `NoEndpoint` (SS-146).
    pub fn connect(&mut self, now: Instant, id: StreamId) -> Result<(), Misuse> {
        let stream = self.slots.get_mut(id).ok_or(Misuse::Destroyed)?;
        let result = stream.connect(now);
        self.slots.touch(id);
        result
    }

    /// Sets a metadata value for the next use of it (SS-225).
    ///
    /// # Errors
    /// `Destroyed`, or `NoSuchMetadata`.
    pub fn set_metadata(&mut self, id: StreamId, name: &str, value: &[u8]) -> Result<(), Misuse> {
        self.slots.get_mut(id).ok_or(Misuse::Destroyed)?.set_metadata(name, value)
    }

    /// Lets the reader of a stream sleep, or wakes it: what comes meanwhile closes the peer's
    /// window, and at most one read of it lies here.
    pub fn pause(&mut self, now: Instant, id: StreamId, paused: bool) {
        if self.slots.get(id).is_some() {
            self.pool.pause(now, id.channel(), paused);
            self.with(id, |stream| stream.pause(now, paused));
        }
    }

    /// The application knows that the connection is good (SS-242).
    pub fn confirm_validity(&mut self, now: Instant, id: StreamId) {
        if self.slots.get(id).is_some() {
            self.pool.confirm(now, id.channel());
        }
    }

    /// Closes a stream's connection in order; reconnect rules apply (SS-125).
    pub fn close(&mut self, now: Instant, id: StreamId) {
        self.with(id, |stream| stream.close(now));
    }

    /// Ends a stream: DISCONNECTED if due, DESTROYING, then nothing more (SS-213).
    pub fn destroy(&mut self, now: Instant, id: StreamId) {
        self.with(id, |stream| stream.destroy(now));
    }

    /// Somebody cancelled the poll wait: every stream hears of it (SS-012).
    pub fn wait_cancelled(&mut self) {
        for id in self.slots.ids() {
            self.with(id, mainstay_stream::Stream::wait_cancelled);
        }
    }

    fn with(&mut self, id: StreamId, act: impl FnOnce(&mut mainstay_stream::Stream)) {
        if let Some(stream) = self.slots.get_mut(id) {
            act(stream);
            self.slots.touch(id);
        }
    }
}
