//! The orderly end of streams: close, wait for DISCONNECTED, DESTROYING, and the last bytes out.

use crate::{Device, StreamId};
use core::time::Duration;
use mainstay_policy::State;
use std::io;

/// How long a close may take. chosen: a close handshake is one round trip; a dead peer must not hold the command.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// Between two looks. chosen: only bounds how late a second signal is seen.
const LOOK: Duration = Duration::from_millis(100);

/// How long nothing may happen before what was queued counts as sent. chosen: a loop's turn many times over.
const QUIET: Duration = Duration::from_millis(20);

/// Ends these streams in order; `hurry` ends the waiting, `each` is called after every turn.
pub(crate) fn wind_up(
    device: &mut Device,
    streams: &[StreamId],
    hurry: impl Fn() -> bool,
    mut each: impl FnMut(&Device) -> io::Result<()>,
) -> io::Result<()> {
    let (now, node) = device.node_mut();
    let until = now + CLOSE_MAX;
    let mut closing = Vec::new();
    for &id in streams {
        if node.stream(id).is_some_and(|stream| stream.is_connected()) {
            node.close(now, id);
            closing.push(id);
        } else {
            node.destroy(now, id);
        }
    }
    while !closing.is_empty() && device.now() < until && !hurry() {
        device.turn(Some(LOOK))?;
        each(device)?;
        closing.retain(|&id| {
            let state = device.node().stream(id).map(|stream| stream.state());
            let open = state.is_some_and(|state| !is_down(state));
            if !open {
                device.destroy(id);
            }
            open
        });
    }
    for &id in streams {
        device.destroy(id);
    }
    // What was queued (DISCONNECT, close_notify) still leaves; connections kept for reuse stay.
    let mut before = usize::MAX;
    while device.node().connection_count() < before && device.now() < until && !hurry() {
        before = device.node().connection_count();
        device.turn(Some(QUIET))?;
        each(device)?;
    }
    // Over a stack of our own the last bytes live in this process until the peer has them.
    while device.leaving_count() > 0 && device.now() < until && !hurry() {
        device.turn(Some(QUIET))?;
        each(device)?;
    }
    Ok(())
}

const fn is_down(state: State) -> bool {
    matches!(
        state,
        State::Disconnected
            | State::Unreachable
            | State::Poll
            | State::Connecting
            | State::AllRetriesFailed
    )
}
