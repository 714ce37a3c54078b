//! The one place with `unsafe`: system calls that have no safe face.

#[cfg(target_os = "linux")]
pub(crate) mod link;
mod resolver;

pub(crate) use resolver::resolve;
