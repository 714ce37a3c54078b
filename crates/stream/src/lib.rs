//! Secure Streams: life cycle, retry, metadata, outcomes.
