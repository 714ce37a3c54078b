//! What a stream's life leaves in the log: names, numbers and sizes, never payload or secrets.

use crate::Context;
use mainstay_base::{Outcome, Reason};
use mainstay_policy::State;
use mainstay_stream::PayloadId;

/// A state: connections at info, trouble at warn, the rest at debug.
pub(crate) fn state(cx: &Context<'_>, state: State, reason: Option<Reason>) {
    let view = cx.stream();
    let stream = view.tag();
    let proto = super::reason::protocol(view.streamtype().protocol);
    let (code, why) = match reason {
        Some(reason) => (reason.code(), reason.to_string()),
        None => (0, String::new()),
    };
    let name = super::reason::state(state);
    if matches!(state, State::Connected | State::Disconnected) {
        tracing::info!(%stream, proto, state = name, code, reason = why);
    } else if matches!(state, State::Unreachable | State::AuthFailed | State::AllRetriesFailed) {
        tracing::warn!(%stream, proto, state = name, code, reason = why);
    } else {
        tracing::debug!(%stream, proto, state = name, code);
    }
}

/// Payload came or went.
pub(crate) fn moved(cx: &Context<'_>, way: &'static str, bytes: usize) {
    tracing::trace!(stream = %cx.stream().tag(), bytes, way);
}

/// A message's outcome.
pub(crate) fn outcome(cx: &Context<'_>, id: PayloadId, outcome: Outcome) {
    let stream = cx.stream().tag();
    let id = id.0;
    match outcome {
        Outcome::Acknowledged => tracing::debug!(%stream, id, outcome = "acknowledged"),
        Outcome::Sent => tracing::debug!(%stream, id, outcome = "sent"),
        Outcome::Refused(why) => {
            tracing::warn!(%stream, id, outcome = "refused", code = why.code());
        }
        Outcome::Unknown(why) => {
            tracing::warn!(%stream, id, outcome = "unknown", code = why.code());
        }
    }
}
