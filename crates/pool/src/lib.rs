//! Who rides on which connection: reuse, coalescing, address races.
