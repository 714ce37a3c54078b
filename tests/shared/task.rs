//! A future that is polled only when it was woken: what a lost wake-up is found by.

use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Waker};
use std::sync::Arc;
use std::task::Wake;

/// A future, and whether it was woken.
pub(crate) struct Task<'a> {
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    woken: Arc<Woken>,
    done: bool,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<'a> Task<'a> {
    pub(crate) fn new(future: impl Future<Output = ()> + 'a) -> Self {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        Self { future: Box::pin(future), woken, done: false }
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn is_woken(&self) -> bool {
        !self.done && self.woken.0.load(Ordering::Relaxed)
    }

    pub(crate) fn poll(&mut self) {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.woken));
        self.done = self.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    }
}
