//! A device on a thread of its own.

use crate::queue::Mailbox;
use crate::stream::Stream;
use mainstay_host::Running;
use std::io;
use std::sync::Arc;

/// A device that runs on its own thread; stops when dropped. Handles work from everywhere.
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
