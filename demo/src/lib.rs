//! What the README's first command is made of: peers from other people's libraries, and a policy for them.
//!
//! [`peers`] names nothing of ours, so that Mainstay is not seen talking to itself. `show` joins both.

#![forbid(unsafe_code)]

pub mod peers;
