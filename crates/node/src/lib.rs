//! One whole device as one value.
