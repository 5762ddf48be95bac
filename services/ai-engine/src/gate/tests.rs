//! Slots, queue and circuit of the door.

use super::*;

const LIMITS: Limits = Limits {
    at_once: 1,
    waiting: 1,
};

#[tokio::test]
async fn who_finds_no_slot_in_time_is_sent_away() {
    let gate = Gate::new(LIMITS);
    let inside = gate.enter(Duration::ZERO).await.unwrap();
    assert!(gate.enter(Duration::from_millis(5)).await.is_err());
    drop(inside);
    assert!(gate.enter(Duration::from_millis(5)).await.is_ok());
}

#[tokio::test]
async fn the_queue_is_bounded_and_empties_when_waiters_give_up() {
    let gate = Gate::new(LIMITS);
    let inside = gate.enter(Duration::ZERO).await.unwrap();
    let long = Duration::from_secs(5);
    let mut waiter = Box::pin(gate.enter(long));
    assert!(futures_util::poll!(&mut waiter).is_pending());
    let refused = gate.enter(long).await;
    assert!(refused.is_err(), "a second waiter is refused at once");
    drop(waiter);
    let mut next = Box::pin(gate.enter(long));
    assert!(
        futures_util::poll!(&mut next).is_pending(),
        "its place is free"
    );
    drop(next);
    drop(inside);
    assert!(gate.enter(Duration::ZERO).await.is_ok());
}

#[tokio::test]
async fn an_open_circuit_lets_nobody_in() {
    let gate = Gate::new(LIMITS);
    for _ in 0..3 {
        let pass = gate.enter(Duration::ZERO).await.unwrap();
        pass.report::<()>(&Err(OllamaError::Busy));
    }
    assert!(gate.enter(Duration::ZERO).await.is_err());
    let healthy = Gate::new(LIMITS);
    for _ in 0..5 {
        let pass = healthy.enter(Duration::ZERO).await.unwrap();
        pass.report::<()>(&Err(OllamaError::NotFound("x".to_owned())));
    }
    assert!(healthy.enter(Duration::ZERO).await.is_ok());
}
