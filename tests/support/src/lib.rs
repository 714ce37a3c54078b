//! Peers, namespaces and certificates for tests.
