//! Several connections of either stack, none of which is ever waited for.

pub(crate) mod kernel;
#[cfg(target_os = "linux")]
pub(crate) mod own;

use crate::command::exit::Failure;
use core::time::Duration;

/// Names a connection of a ground.
pub(crate) type Place = usize;

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Bytes(usize),
    /// It would have to wait.
    Nothing,
    /// The peer has finished.
    End,
}

/// What connections stand on.
pub(crate) trait Ground {
    /// Begins a connection to where the arguments say; the first byte is taken once it is open.
    fn connect(&mut self) -> Result<Place, Failure>;

    /// The next connection that came in.
    fn accept(&mut self) -> Result<Option<Place>, Failure>;

    /// Reads what there is.
    fn read(&mut self, place: Place, space: &mut [u8]) -> Result<Input, Failure>;

    /// Sends what there is room for; 0 if it would have to wait.
    fn write(&mut self, place: Place, bytes: &[u8]) -> Result<usize, Failure>;

    /// Bytes that the peer has not acknowledged, as far as is known.
    fn unacknowledged(&self, place: Place) -> usize;

    /// Segments that were sent again; `None` if nobody says.
    fn resent(&self, place: Place) -> Option<u32>;

    /// What is known beside bytes, for people.
    fn known(&self, place: Place) -> String;

    /// No connection will come any more that is wanted.
    fn stop_listening(&mut self);

    /// Ends a connection that is not asked for anything any more; what was written may still leave.
    fn drop(&mut self, place: Place);

    /// Moves what can be moved; waits for something to do if nothing was done.
    fn turn(&mut self, busy: bool) -> Result<(), Failure>;

    /// Since the ground was made.
    fn passed(&self) -> Duration;

    /// Lets what was sent last leave, and writes what was recorded.
    fn conclude(&mut self) -> Result<(), Failure>;
}
