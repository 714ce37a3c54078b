//! The orderly end of streams: close, wait for DISCONNECTED, DESTROYING, and the last bytes out.

use crate::{Device, StreamId};
use core::time::Duration;
use mainstay_policy::State;
use std::io;

/// How long a close may take. chosen: a close handshake is one round trip; a dead peer must not hold the command.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// Between two looks. chosen: only bounds how late a second signal is seen.
const LOOK: Duration = Duration::from_millis(100);

/// Ends these streams in order; `hurry` ends the waiting.
pub(crate) fn wind_up(
    device: &mut Device,
    streams: &[StreamId],
    hurry: impl Fn() -> bool,
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
    device.turn(Some(Duration::ZERO))?;
    // What was queued (DISCONNECT, close_notify) still leaves.
    while device.node().connection_count() > 0 && device.now() < until && !hurry() {
        device.turn(Some(LOOK))?;
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
