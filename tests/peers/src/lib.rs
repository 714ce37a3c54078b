//! Interop with real servers: every test here lies in `tests/`, and runs where the feature `peers` is on.
//!
//! Absent on purpose: code. What tests share is `mainstay-test-support`.

#![forbid(unsafe_code)]
