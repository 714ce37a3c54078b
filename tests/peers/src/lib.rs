//! Interop with real servers.
