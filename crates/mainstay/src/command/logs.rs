//! Logs to standard error, only when asked for.

use super::args::{Device, LogForm};
use std::io;
use tracing_subscriber::filter::LevelFilter;

/// Starts logging as the arguments say. A second start in one process changes nothing.
pub(crate) fn start(device: &Device) {
    let level = match (device.verbose, device.log) {
        (0, None) => return,
        (0 | 1, _) => LevelFilter::INFO,
        (2, _) => LevelFilter::DEBUG,
        (_, _) => LevelFilter::TRACE,
    };
    let logs = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr);
    let _second = match device.log {
        Some(LogForm::Json) => logs.json().flatten_event(true).try_init(),
        Some(LogForm::Text) | None => logs.try_init(),
    };
}
