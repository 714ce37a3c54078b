//! What goes up to the application, and the application's side of it.

use crate::commands::Commands;
use crate::node::Node;
use crate::slots::StreamId;
use mainstay_base::Instant;
use mainstay_pool::Payload;
use mainstay_stream::{Answer, Event, Flags, Stream};

/// Something for the application, in order. Each is answered before the next is asked for.
#[derive(Debug)]
pub enum Up<'b> {
    /// Something happened to a stream.
    Event {
        /// Whose it is.
        id: StreamId,
        /// The stream, to look at.
        view: &'b Stream,
        /// What happened.
        event: Event,
        /// Payload bytes a `send` takes now.
        room: usize,
    },
    /// Payload came.
    Payload {
        /// Whose it is.
        id: StreamId,
        /// The stream, to look at.
        view: &'b Stream,
        /// The bytes, lent for this call.
        payload: Payload<'b>,
        /// How they lie in their message.
        flags: Flags,
        /// Payload bytes a `send` takes now.
        room: usize,
    },
}

impl Up<'_> {
    /// Whose it is.
    #[must_use]
    pub const fn id(&self) -> StreamId {
        match self {
            Self::Event { id, .. } | Self::Payload { id, .. } => *id,
        }
    }
}

/// Who answers. The driver calls it in the loop; so does the simulator.
pub trait Application {
    /// Takes what came, and says how to go on (SS-120). Wishes go into `commands`.
    fn up(&mut self, up: Up<'_>, commands: &mut Commands) -> Answer;

    /// Somebody woke the driver: wishes from elsewhere may be carried out on the node now.
    fn woken(&mut self, now: Instant, node: &mut Node);
}

/// Brings everything up that has come: the one loop between a node and its application.
///
/// `input` is what `handle_bytes` announced; empty when nothing was read.
pub fn drain<A: Application>(
    node: &mut Node,
    application: &mut A,
    commands: &mut Commands,
    now: Instant,
    input: &mut [u8],
) {
    while let Some(up) = node.next(now, input) {
        let id = up.id();
        let answer = application.up(up, commands);
        node.answer(now, id, answer, commands);
    }
}
