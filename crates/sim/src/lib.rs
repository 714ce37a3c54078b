//! Worlds with virtual time, links and faults.
