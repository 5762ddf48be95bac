//! Tests of slots, queue and circuit breaker.

use super::*;

const LIMITS: BulkheadLimits = BulkheadLimits {
    max_concurrent: 1,
    max_queued: 1,
};

#[tokio::test]
async fn a_caller_that_gets_no_slot_in_time_is_refused() {
    let bulkhead = Bulkhead::new(LIMITS);
    let permit = bulkhead.acquire(Duration::ZERO).await.unwrap();
    assert!(bulkhead.acquire(Duration::from_millis(5)).await.is_err());
    drop(permit);
    assert!(bulkhead.acquire(Duration::from_millis(5)).await.is_ok());
}

#[tokio::test]
async fn the_queue_is_bounded_and_shrinks_when_waiting_callers_are_cancelled() {
    let bulkhead = Bulkhead::new(LIMITS);
    let permit = bulkhead.acquire(Duration::ZERO).await.unwrap();
    let long = Duration::from_secs(5);
    let mut first = Box::pin(bulkhead.acquire(long));
    assert!(futures_util::poll!(&mut first).is_pending());
    let refused = bulkhead.acquire(long).await;
    assert!(
        refused.is_err(),
        "a second waiting caller is refused at once"
    );
    drop(first);
    let mut next = Box::pin(bulkhead.acquire(long));
    assert!(
        futures_util::poll!(&mut next).is_pending(),
        "the place in the queue is free"
    );
    drop(next);
    drop(permit);
    assert!(bulkhead.acquire(Duration::ZERO).await.is_ok());
}

#[tokio::test]
async fn an_open_circuit_refuses_every_caller() {
    let bulkhead = Bulkhead::new(LIMITS);
    for _ in 0..3 {
        let permit = bulkhead.acquire(Duration::ZERO).await.unwrap();
        permit.report(Some(&ModelError::Busy { retry_after: None }));
    }
    assert!(bulkhead.acquire(Duration::ZERO).await.is_err());
    let healthy = Bulkhead::new(LIMITS);
    for _ in 0..5 {
        let permit = healthy.acquire(Duration::ZERO).await.unwrap();
        permit.report(Some(&ModelError::NotFound("x".to_owned())));
    }
    assert!(healthy.acquire(Duration::ZERO).await.is_ok());
}

#[tokio::test]
async fn it_is_idle_while_no_call_is_made_or_waits() {
    let bulkhead = Bulkhead::new(LIMITS);
    assert!(bulkhead.is_idle());
    let permit = bulkhead.acquire(Duration::ZERO).await.unwrap();
    assert!(!bulkhead.is_idle());
    let waiting = bulkhead.acquire(Duration::from_secs(5));
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(permit);
    let second = waiting.await.unwrap();
    assert!(!bulkhead.is_idle());
    drop(second);
    assert!(bulkhead.is_idle());
}
