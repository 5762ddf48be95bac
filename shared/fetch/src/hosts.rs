//! One request at a time per host, with a pause between two.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as Turns, OwnedMutexGuard};
use tokio::time::{Instant, sleep_until};

/// The end of the last request to a host.
type Last = Option<Instant>;

/// The hosts that this process asks something. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<Mutex<HashMap<String, Weak<Turns<Last>>>>>);

/// A host as one visit knows it; while a visit does, the end of its last request is remembered.
#[derive(Debug, Clone)]
pub(crate) struct HostQueue(Arc<Turns<Last>>);

/// The right to ask a host; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct HostPermit(OwnedMutexGuard<Last>);

impl Hosts {
    /// The queue of a host.
    pub(crate) fn queue(&self, host: &str) -> HostQueue {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = known.get(host).and_then(Weak::upgrade) {
            return HostQueue(queue);
        }
        known.retain(|_, queue| queue.strong_count() > 0);
        let queue = Arc::new(Turns::new(None));
        known.insert(host.to_owned(), Arc::downgrade(&queue));
        HostQueue(queue)
    }
}

impl HostQueue {
    /// Waits until nobody else asks this host, and until `pause` has passed since somebody did.
    pub(crate) async fn turn(&self, pause: Duration) -> HostPermit {
        let last = Arc::clone(&self.0).lock_owned().await;
        if let Some(last) = *last {
            sleep_until(last + pause).await;
        }
        HostPermit(last)
    }
}

impl Drop for HostPermit {
    fn drop(&mut self) {
        *self.0 = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_host_is_asked_once_at_a_time_and_after_a_pause() {
        let hosts = Hosts::default();
        let (one, other) = (hosts.queue("a.example"), hosts.clone().queue("a.example"));
        let pause = Duration::from_millis(200);
        let turn = one.turn(pause).await;
        let waits = tokio::time::timeout(Duration::from_millis(300), other.turn(pause)).await;
        assert!(waits.is_err(), "two at once");
        let ended = Instant::now();
        drop(turn);
        drop(other.turn(pause).await);
        assert!(ended.elapsed() >= pause, "no pause");
        let elsewhere = hosts.queue("b.example");
        let elsewhere = elsewhere.turn(Duration::from_hours(1));
        let free = tokio::time::timeout(Duration::from_secs(5), elsewhere).await;
        assert!(free.is_ok(), "another host waits for nobody");
    }

    #[test]
    fn a_host_that_nobody_visits_is_forgotten() {
        let hosts = Hosts::default();
        for number in 0..1_000 {
            drop(hosts.queue(&format!("{number}.example")));
        }
        assert!(hosts.0.lock().unwrap().len() <= 1);
    }
}
