//! The driver: one poll, clocks, sockets, entropy.
