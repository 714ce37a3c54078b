//! Small shapes that cross every border.

/// Room for bytes, both ways. Zero means: none now, ask again after an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// How many received bytes may be handed in.
    pub up: usize,
    /// How many payload bytes may be handed out.
    pub down: usize,
}

/// What became of an input. `Dropped` says why and changes nothing but counters (L5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict<D> {
    /// Taken.
    Accepted,
    /// Not taken, and why.
    Dropped(D),
}

/// A transport endpoint, named by `node`, known to the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u32);
