//! What the README's first command is made of: peers from other people's libraries, and a policy for them.
//!
//! [`peers`] names nothing of ours, so that Mainstay is not seen talking to itself. [`site`] makes
//! the policy by which our side finds them, [`show`] runs both and compares their counters.

#![forbid(unsafe_code)]

pub mod peers;
pub mod show;
pub mod site;
