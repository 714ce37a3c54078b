//! The face with a thread of its own.

use crate::driver::Driver;
use crate::machine::Machine;
use crate::waker::Waker;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

/// A driver that runs on its own thread; stops and joins it when dropped.
pub struct Running {
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Runs the driver that `make` makes on a thread called `name` until it is stopped or fails.
///
/// `make` runs on the new thread, so that the machine need not be `Send`.
///
/// # Errors
/// What `make` says, or the system when it gives no thread.
pub fn spawn<M, F>(name: &str, make: F) -> io::Result<Running>
where
    M: Machine,
    F: FnOnce() -> io::Result<Driver<M>> + Send + 'static,
{
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let (report, made) = sync_channel(1);
    let thread = thread::Builder::new().name(name.into()).spawn(move || {
        let mut driver = match make() {
            Ok(driver) => driver,
            Err(error) => {
                let _gone = report.send(Err(error));
                return Ok(());
            }
        };
        let _gone = report.send(Ok(driver.waker()));
        while !stopped.load(Ordering::Acquire) {
            driver.turn(None)?;
        }
        Ok(())
    })?;
    let waker = made.recv().unwrap_or_else(|_| Err(io::Error::other("the thread died")))?;
    Ok(Running { stop, waker, thread: Some(thread) })
}

impl Running {
    /// Wakes the machine from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Whether the thread has ended by itself; `stop` tells why.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the thread and waits for its end.
    ///
    /// # Errors
    /// Why the driver had ended by itself: its poll failed, or it panicked.
    pub fn stop(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
        if thread.thread().id() == thread::current().id() {
            return Ok(()); // dropped by the application in the loop: it ends after this turn
        }
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the driver panicked")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.join();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("over", &self.is_over()).finish_non_exhaustive()
    }
}
