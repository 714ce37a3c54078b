//! What bounds the memory of a direction.

use core::time::Duration;

/// Bytes of frames that one direction holds at most, by default: [`Impairment::memory_max`](crate::Impairment).
/// chosen: 1 Gbit/s for 500 ms.
pub const MEMORY_MAX: usize = 64 * 1024 * 1024;

/// Frames that one direction holds at most. chosen: `MEMORY_MAX` in frames of 512 bytes.
pub const FRAMES_MAX: usize = MEMORY_MAX / 512;

/// Frames that wait at one time for others to overtake them. chosen: enough for any share of reordering that
/// TCP could live with; a frame that comes on top of it keeps its place.
pub const HELD_BACK_MAX: usize = 64;

/// How long a frame waits to be overtaken when no frames come, by default: [`Reorder::patience`](crate::Reorder).
/// chosen: below any retransmission timer, above the spacing of frames at 1 Mbit/s.
pub const PATIENCE: Duration = Duration::from_millis(20);

/// The capacity of a small frame's buffer. chosen: a frame of 1500 bytes and its headers.
pub(crate) const SMALL: usize = 2048;

/// Bytes of buffers that are kept for frames to come, of each size. chosen: 100 Mbit/s for 300 ms.
pub(crate) const FREE_MAX: usize = 4 * 1024 * 1024;

/// Segments of one frame for which a burst's state is drawn one by one. chosen: 64 KiB in segments of 536
/// bytes is 122; smaller ones count as this many.
pub(crate) const STEPS_MAX: u32 = 128;
