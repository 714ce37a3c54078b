//! Signals: what came since last asked, and a wake for the loop.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use mainstay_host::Waker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals as Iter};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What a SIGHUP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// To read the policy again.
    Reload,
    /// To end, as when its terminal is closed.
    Stop,
}

/// Listens for SIGINT, SIGTERM and SIGHUP until dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    came: Arc<Came>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Came {
    stops: AtomicU32,
    reload: AtomicBool,
}

impl Signals {
    /// Wakes the loop through `waker` whenever a signal comes.
    pub(crate) fn new(waker: Waker, hangup: Hangup) -> io::Result<Self> {
        let mut signals = Iter::new([SIGINT, SIGTERM, SIGHUP])?;
        let handle = signals.handle();
        let came = Arc::new(Came::default());
        let inside = Arc::clone(&came);
        let thread = std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                if signal == SIGHUP && hangup == Hangup::Reload {
                    inside.reload.store(true, Ordering::Relaxed);
                } else {
                    inside.stops.fetch_add(1, Ordering::Relaxed);
                }
                waker.wake();
            }
        })?;
        Ok(Self { came, handle, thread: Some(thread) })
    }

    /// How often the command was asked to end.
    pub(crate) fn stops(&self) -> u32 {
        self.came.stops.load(Ordering::Relaxed)
    }

    /// Whether the policy is to be read again; true once per SIGHUP.
    pub(crate) fn take_reload(&self) -> bool {
        self.came.reload.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}
