//! Tests of slots, queue and circuit breaker.

use super::*;

const LIMITS: QueueLimits = QueueLimits {
    slots: 1,
    queue: 1,
    queue_per_tenant: 1,
};
const AT_ONCE: Patience = Patience::AtMost(Duration::ZERO);
const BRIEF: Patience = Patience::AtMost(Duration::from_millis(5));
const LASTING: Patience = Patience::AtMost(Duration::from_secs(5));
const CALLER: Caller = Caller::PLATFORM;

fn bulkhead() -> Bulkhead {
    Bulkhead::new("test", LIMITS)
}

async fn cause(bulkhead: &Bulkhead, patience: Patience) -> Refusal {
    bulkhead.acquire(CALLER, patience).await.unwrap_err().cause
}

#[tokio::test]
async fn a_caller_that_gets_no_slot_in_time_is_refused() {
    let bulkhead = bulkhead();
    let permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    assert_eq!(cause(&bulkhead, BRIEF).await, Refusal::TimedOut);
    drop(permit);
    assert!(bulkhead.acquire(CALLER, BRIEF).await.is_ok());
}

#[tokio::test]
async fn the_queue_is_bounded_and_shrinks_when_waiting_callers_are_cancelled() {
    let bulkhead = bulkhead();
    let permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    let mut first = Box::pin(bulkhead.acquire(CALLER, LASTING));
    assert!(futures_util::poll!(&mut first).is_pending());
    let refused = cause(&bulkhead, LASTING).await;
    assert_eq!(refused, Refusal::TenantFull, "it is refused at once");
    drop(first);
    let mut next = Box::pin(bulkhead.acquire(CALLER, LASTING));
    assert!(
        futures_util::poll!(&mut next).is_pending(),
        "the place in the queue is free"
    );
    drop(next);
    drop(permit);
    assert!(bulkhead.acquire(CALLER, AT_ONCE).await.is_ok());
}

#[tokio::test]
async fn a_caller_that_leaves_as_its_turn_comes_passes_the_slot_on() {
    let limits = QueueLimits {
        queue: 2,
        queue_per_tenant: 2,
        ..LIMITS
    };
    let bulkhead = Bulkhead::new("test", limits);
    let permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    let mut first = Box::pin(bulkhead.acquire(CALLER, LASTING));
    let mut second = Box::pin(bulkhead.acquire(CALLER, LASTING));
    assert!(futures_util::poll!(&mut first).is_pending());
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(permit);
    drop(first);
    assert!(second.await.is_ok());
    assert!(bulkhead.is_idle());
}

#[tokio::test]
async fn a_displaced_caller_is_refused_while_it_waits() {
    let bulkhead = bulkhead();
    let tenant = CreatorId::new();
    let _permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    let member = bulkhead.acquire(Caller::asking(tenant, false), LASTING);
    let mut member = Box::pin(member);
    assert!(futures_util::poll!(&mut member).is_pending());
    let visitor = bulkhead.acquire(Caller::asking(tenant, true), LASTING);
    let mut visitor = Box::pin(visitor);
    assert!(futures_util::poll!(&mut visitor).is_pending());
    assert_eq!(member.await.unwrap_err().cause, Refusal::Displaced);
}

#[tokio::test]
async fn a_caller_with_little_patience_is_refused_at_once_if_a_longer_wait_is_expected() {
    let bulkhead = bulkhead();
    let permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop(permit);
    let _permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    let little = Patience::IfExpectedWithin(Duration::from_millis(5));
    assert_eq!(cause(&bulkhead, little).await, Refusal::ExpectedTooLong);
    let more = Patience::IfExpectedWithin(Duration::from_mins(1));
    let mut waiting = Box::pin(bulkhead.acquire(CALLER, more));
    assert!(futures_util::poll!(&mut waiting).is_pending());
}

#[tokio::test]
async fn an_open_circuit_refuses_every_caller() {
    let bulkhead = bulkhead();
    for _ in 0..3 {
        let permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
        permit.report(Some(&ModelError::Busy { retry_after: None }));
    }
    assert_eq!(cause(&bulkhead, AT_ONCE).await, Refusal::Paused);
    let healthy = Bulkhead::new("test", LIMITS);
    for _ in 0..5 {
        let permit = healthy.acquire(CALLER, AT_ONCE).await.unwrap();
        permit.report(Some(&ModelError::NotFound("x".to_owned())));
    }
    assert!(healthy.acquire(CALLER, AT_ONCE).await.is_ok());
}

#[tokio::test]
async fn it_is_idle_while_no_call_is_made_or_waits() {
    let bulkhead = bulkhead();
    assert!(bulkhead.is_idle());
    let permit = bulkhead.acquire(CALLER, AT_ONCE).await.unwrap();
    assert!(!bulkhead.is_idle());
    let waiting = bulkhead.acquire(CALLER, LASTING);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    drop(permit);
    let second = waiting.await.unwrap();
    assert!(!bulkhead.is_idle());
    drop(second);
    assert!(bulkhead.is_idle());
}
