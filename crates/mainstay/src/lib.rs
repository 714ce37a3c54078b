//! Streams by name; a policy says the rest.
