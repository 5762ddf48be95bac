//! The runners of this process: a job that was enqueued here can start here, without a claim.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::lease::ClaimedJob;

/// The running runners of this process, by the kinds that they run.
#[derive(Clone, Default)]
pub(crate) struct LocalRunners(Arc<Mutex<HashMap<&'static str, LocalRunner>>>);

#[derive(Clone)]
struct LocalRunner {
    slots: Arc<Semaphore>,
    started: mpsc::UnboundedSender<Started>,
}

/// A job that this process has inserted as claimed, and the slot that it runs in.
pub(crate) struct Started {
    pub(crate) job: ClaimedJob,
    pub(crate) slot: OwnedSemaphorePermit,
}

/// A free slot of a runner, until it is used or dropped.
pub(crate) struct ReservedSlot {
    slot: OwnedSemaphorePermit,
    started: mpsc::UnboundedSender<Started>,
}

impl LocalRunners {
    /// Announces a runner; it is withdrawn when the result is dropped.
    pub(crate) fn register(
        &self,
        kinds: impl Iterator<Item = &'static str>,
        slots: &Arc<Semaphore>,
    ) -> (Registration, mpsc::UnboundedReceiver<Started>) {
        let (started, receiver) = mpsc::unbounded_channel();
        let kinds: Vec<_> = kinds.collect();
        for kind in &kinds {
            let (slots, started) = (Arc::clone(slots), started.clone());
            self.lock().insert(kind, LocalRunner { slots, started });
        }
        let runners = self.clone();
        (Registration { runners, kinds }, receiver)
    }

    /// A free slot for a job of that kind. Waiting jobs of the queue come first: the semaphore
    /// gives a slot that becomes free to the runner if it waits for one.
    pub(crate) fn reserve(&self, kind: &str) -> Option<ReservedSlot> {
        let LocalRunner { slots, started } = self.lock().get(kind)?.clone();
        let slot = slots.try_acquire_owned().ok()?;
        Some(ReservedSlot { slot, started })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<&'static str, LocalRunner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReservedSlot {
    /// Runs the job. If the runner has stopped by now, another process claims the job when the
    /// lease has expired.
    pub(crate) fn start(self, job: ClaimedJob) {
        let slot = self.slot;
        let _ = self.started.send(Started { job, slot });
    }
}

/// Withdraws a runner when it is dropped.
pub(crate) struct Registration {
    runners: LocalRunners,
    kinds: Vec<&'static str>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        for kind in &self.kinds {
            self.runners.lock().remove(kind);
        }
    }
}
