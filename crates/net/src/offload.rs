//! stand-in
/// caps
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities;
/// facts
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload;
