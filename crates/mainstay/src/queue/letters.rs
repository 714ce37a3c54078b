//! What a handle and its stream share, and who waits for what of it.

use super::Inside;
use core::task::Waker;
#[expect(
    clippy::disallowed_types,
    reason = "the border between threads; nothing below has one"
)]
use std::sync::Mutex;
use std::sync::{Condvar, MutexGuard, PoisonError};

/// What a change is about: only who waits for that is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The stream's state or its end, which everybody waits for.
    State,
    /// There may be room in the outbox.
    Room,
    /// A chunk came.
    Chunk,
    /// A message has its outcome.
    Outcome,
}

/// Who waits, and for what.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    tasks: Vec<(News, Waker)>,
    /// Threads that block, by what they wait for.
    threads: [u32; 4],
}

impl Waiting {
    /// Whether a thread waits for `news`.
    fn has_thread(&self, news: News) -> bool {
        match news {
            News::State => self.threads.iter().any(|&count| count > 0),
            News::Room | News::Chunk | News::Outcome => self.threads[news as usize] > 0,
        }
    }

    /// The tasks that wait for `news`, which wait no more.
    fn take(&mut self, news: News) -> Vec<(News, Waker)> {
        if news == News::State || self.tasks.iter().all(|&(other, _)| other == news) {
            return core::mem::take(&mut self.tasks);
        }
        self.tasks.extract_if(.., |(other, _)| *other == news).collect()
    }
}

/// What a handle and its stream share.
#[expect(clippy::disallowed_types, reason = "the border between threads; nothing below has one")]
#[derive(Debug, Default)]
pub(crate) struct Letters {
    inside: Mutex<Inside>,
    changed: Condvar,
}

impl Letters {
    /// Changes what is inside, then wakes whoever waits for these news.
    pub(crate) fn with<T>(&self, news: News, act: impl FnOnce(&mut Inside) -> T) -> T {
        let mut inside = self.lock();
        let result = act(&mut inside);
        let tasks = inside.waiting.take(news);
        let has_thread = inside.waiting.has_thread(news);
        drop(inside);
        // Costs a system call whether anybody waits or not.
        if has_thread {
            self.changed.notify_all();
        }
        for (_, task) in tasks {
            task.wake();
        }
        result
    }

    /// Looks inside without telling anyone.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        act(&mut self.lock())
    }

    /// Tries until it succeeds; wakes `waker` when there are news worth trying again for.
    pub(crate) fn poll<T>(
        &self,
        news: News,
        waker: &Waker,
        attempt: impl FnOnce(&mut Inside) -> Option<T>,
    ) -> Option<T> {
        let mut inside = self.lock();
        let result = attempt(&mut inside);
        let tasks = &mut inside.waiting.tasks;
        let known = |(other, task): &(News, Waker)| *other == news && task.will_wake(waker);
        if result.is_none() && !tasks.iter().any(known) {
            tasks.push((news, waker.clone()));
        }
        result
    }

    /// Tries until it succeeds or `wait` has passed.
    pub(crate) fn block<T>(
        &self,
        news: News,
        wait: Option<core::time::Duration>,
        mut attempt: impl FnMut(&mut Inside) -> Option<T>,
    ) -> Option<T> {
        let mut result = None;
        let mut guard = self.lock();
        let until = |inside: &mut Inside| {
            result = attempt(inside);
            result.is_none()
        };
        guard.waiting.threads[news as usize] += 1;
        let mut guard = match wait {
            None => self.changed.wait_while(guard, until).unwrap_or_else(PoisonError::into_inner),
            Some(wait) => {
                let waited = self.changed.wait_timeout_while(guard, wait, until);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        guard.waiting.threads[news as usize] -= 1;
        result
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
