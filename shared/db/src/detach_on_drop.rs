//! Work that runs to completion even if the waiting task is cancelled.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Runs in the caller's task, which saves a thread switch. If it is dropped before it is done, it
/// continues in a task of its own and its output is discarded.
pub(crate) struct DetachOnDrop<F>(Option<Pin<Box<F>>>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static;

impl<F> DetachOnDrop<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    pub(crate) fn new(work: F) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<F> Future for DetachOnDrop<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while it runs: a future that panicked must not be polled again.
        let Some(mut work) = self.0.take() else {
            return Poll::Pending; // a finished future is not polled again
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(work);
        }
        polled
    }
}

impl<F> Drop for DetachOnDrop<F>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn drop(&mut self) {
        if let (Some(rest), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::{sleep, timeout};

    use super::DetachOnDrop;

    #[tokio::test]
    async fn a_dropped_future_continues() {
        let (done, told) = oneshot::channel();
        let work = DetachOnDrop::new(async move {
            sleep(Duration::from_millis(50)).await;
            let _ = done.send("done");
        });
        assert!(timeout(Duration::from_millis(5), work).await.is_err());
        assert_eq!(told.await, Ok("done"));
    }

    #[tokio::test]
    async fn an_awaited_future_returns_its_output() {
        assert_eq!(DetachOnDrop::new(async { 7 }).await, 7);
    }

    #[tokio::test]
    async fn a_panic_reaches_the_waiting_task() {
        let work = tokio::spawn(DetachOnDrop::new(async { panic!("it dies") }));
        assert!(work.await.unwrap_err().is_panic());
    }
}
