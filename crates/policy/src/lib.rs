//! JSON policies as checked, typed values; every fault with its place and a hint.
