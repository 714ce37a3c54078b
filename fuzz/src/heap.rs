//! How much memory is in use, so that a machine can be held to its bound.

use cap::Cap;
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes in use by everybody.
pub(crate) fn used() -> usize {
    ALLOCATOR.allocated()
}
