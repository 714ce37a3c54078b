//! Names to addresses by the platform, on a thread of its own and never on the loop (DNS-001).

use crate::limits::ResolveHook;
use crate::sys;
use crate::waker::Waker;
use mainstay_node::{ResolveId, Resolved};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Asks the hook, then the thread, which is started with the first question.
pub(crate) struct Resolver {
    hook: Option<ResolveHook>,
    worker: Option<Worker>,
    queue_max: usize,
    waker: Waker,
}

struct Worker {
    questions: SyncSender<(ResolveId, String)>,
    answers: Receiver<(ResolveId, Resolved)>,
}

impl Resolver {
    pub(crate) const fn new(hook: Option<ResolveHook>, queue_max: usize, waker: Waker) -> Self {
        Self { hook, worker: None, queue_max, waker }
    }

    /// Asks; an answer that is known at once is returned. A full queue is an answer too.
    pub(crate) fn ask(&mut self, id: ResolveId, name: String) -> Option<Resolved> {
        if let Some(answer) = self.hook.as_mut().and_then(|hook| hook(&name)) {
            return Some(answer);
        }
        if self.worker.is_none() {
            self.worker = Worker::start(self.queue_max, self.waker.clone());
        }
        let asked = self.worker.as_ref().map(|worker| worker.questions.try_send((id, name)));
        match asked {
            Some(Ok(())) => None,
            Some(Err(_)) | None => Some(Resolved::Unanswered),
        }
    }

    /// The next answer of the thread.
    pub(crate) fn poll_answer(&self) -> Option<(ResolveId, Resolved)> {
        self.worker.as_ref()?.answers.try_recv().ok()
    }
}

impl Worker {
    /// `None` when the system gives no thread.
    fn start(queue_max: usize, waker: Waker) -> Option<Self> {
        let (questions, asked) = sync_channel(queue_max);
        let (answer, answers) = channel();
        // Not joined: it may stand in the platform's resolver for half a minute. It ends after
        // the question it is at, when the driver's end of the queue is gone.
        thread::Builder::new()
            .name("mainstay-names".into())
            .spawn(move || serve(&asked, &answer, &waker))
            .ok()?;
        Some(Self { questions, answers })
    }
}

fn serve(
    asked: &Receiver<(ResolveId, String)>,
    answer: &Sender<(ResolveId, Resolved)>,
    waker: &Waker,
) {
    while let Ok((id, name)) = asked.recv() {
        if answer.send((id, sys::resolve(&name))).is_err() {
            return;
        }
        waker.wake_resolver();
    }
}
