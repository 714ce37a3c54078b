//! A device on a thread of its own.

use crate::queue::Mailbox;
use crate::stream::Stream;
use mainstay_host::Running;
use std::io;
use std::sync::Arc;

/// A device that runs on its own thread; stops when dropped. Handles work from everywhere.
///
/// What was opened outlives it and is told that it is closed; nothing more can be opened:
///
/// ```compile_fail,E0382
/// # use mainstay::{Builder, Policy};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Builder::new(Policy::default()).spawn()?;
/// device.stop()?;
/// let late = device.open("feed");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Remote {
    running: Running,
    mailbox: Arc<Mailbox>,
}

impl Remote {
    pub(crate) fn new(running: Running, mailbox: Arc<Mailbox>) -> Self {
        mailbox.set_waker(running.waker());
        Self { running, mailbox }
    }

    /// Creates a stream by handle.
    #[must_use]
    pub fn open(&self, streamtype: &str) -> Stream {
        Stream::ask(streamtype, &self.mailbox)
    }

    /// Stops the thread and waits for its end.
    ///
    /// # Errors
    /// Why the thread had ended by itself.
    pub fn stop(self) -> io::Result<()> {
        self.running.stop()
    }
}
