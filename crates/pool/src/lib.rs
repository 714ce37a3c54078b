//! Who rides on which connection: reuse, coalescing, address races.

#![forbid(unsafe_code)]
