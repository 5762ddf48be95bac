//! Tests of the order in which servers are asked.

use super::*;

const FAILED: FallbackReason = FallbackReason::Failed;

fn healthy(count: usize) -> Vec<ServerHealth> {
    vec![ServerHealth::default(); count]
}

fn index(servers: &mut [ServerHealth], now: Instant) -> Option<usize> {
    choose(servers, &order(servers.len(), None), 0, now).map(|choice| choice.index)
}

#[test]
fn servers_are_asked_in_order_of_preference() {
    let now = Instant::now();
    let mut servers = healthy(3);
    let asked = |index| {
        Some(Choice {
            place: index,
            index,
            passed_over: None,
        })
    };
    for number in 0..3 {
        assert_eq!(choose(&mut servers, &[0, 1, 2], number, now), asked(number));
    }
    assert_eq!(choose(&mut servers, &[0, 1, 2], 3, now), None);
    assert_eq!(choose(&mut [], &[], 0, now), None);
}

#[test]
fn a_preferred_server_is_asked_first_and_every_other_one_after_it() {
    assert_eq!(order(3, None), [0, 1, 2]);
    assert_eq!(order(3, Some(2)), [2, 0, 1]);
    assert_eq!(order(3, Some(1)), [1, 0, 2]);
    assert_eq!(order(3, Some(3)), [0, 1, 2], "there is no such server");
    let now = Instant::now();
    let mut servers = healthy(3);
    servers[2].record_failure(now, FAILED, None);
    let choice = Choice {
        place: 1,
        index: 0,
        passed_over: Some(FAILED),
    };
    assert_eq!(choose(&mut servers, &[2, 0, 1], 0, now), Some(choice));
    servers[0].record_failure(now, FAILED, None);
    servers[1].record_failure(now, FAILED, None);
    let last = choose(&mut servers, &[2, 0, 1], 0, now);
    assert_eq!(
        last.map(|choice| choice.index),
        Some(1),
        "the last of the order"
    );
}

#[test]
fn a_server_that_failed_is_passed_over_and_the_first_reason_is_kept() {
    let now = Instant::now();
    let mut servers = healthy(3);
    servers[0].record_failure(now, FallbackReason::Timeout, None);
    servers[1].record_failure(now, FAILED, None);
    let choice = Choice {
        place: 2,
        index: 2,
        passed_over: Some(FallbackReason::Timeout),
    };
    assert_eq!(choose(&mut servers, &[0, 1, 2], 0, now), Some(choice));
    assert_eq!(servers[0].paused(now), Some(FallbackReason::Timeout));
}

#[test]
fn after_a_pause_one_call_probes() {
    let now = Instant::now();
    let mut servers = healthy(2);
    servers[0].record_failure(now, FAILED, None);
    assert_eq!(index(&mut servers, now), Some(1));
    let later = now + FIRST_BACKOFF;
    assert_eq!(index(&mut servers, later), Some(0), "one probe");
    assert_eq!(index(&mut servers, later), Some(1), "and only one");
    assert!(servers[0].record_success(), "it had failed before");
    assert_eq!(index(&mut servers, later), Some(0));
    assert!(!servers[0].record_success());
}

#[test]
fn pauses_double_up_to_a_bound_and_start_again_after_a_success() {
    let now = Instant::now();
    let pause = |server: &ServerHealth| server.pause.as_ref().map(|pause| pause.length);
    let mut server = ServerHealth::default();
    let mut lengths = Vec::new();
    for _ in 0..8 {
        server.record_failure(now, FAILED, None);
        lengths.extend(pause(&server));
    }
    let seconds: Vec<u64> = lengths.iter().map(Duration::as_secs).collect();
    assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300]);
    for _ in 0..100 {
        server.record_failure(now, FAILED, None);
    }
    assert_eq!(pause(&server), Some(MAX_BACKOFF));
    server.record_success();
    server.record_failure(now, FAILED, None);
    assert_eq!(pause(&server), Some(FIRST_BACKOFF));
    server.record_success();
    server.record_failure(now, FallbackReason::Timeout, None);
    assert_eq!(pause(&server), Some(FIRST_TIMEOUT_BACKOFF));
}

#[test]
fn retry_after_is_obeyed_within_bounds() {
    let now = Instant::now();
    for (asked, obeyed) in [
        (0, MIN_BACKOFF),
        (30, Duration::from_secs(30)),
        (9999, MAX_BACKOFF),
    ] {
        let mut servers = healthy(2);
        let asked = Some(Duration::from_secs(asked));
        servers[0].record_failure(now, FallbackReason::Overloaded, asked);
        let almost = now + obeyed.saturating_sub(Duration::from_millis(1));
        assert_eq!(index(&mut servers, almost), Some(1), "{asked:?}");
        assert_eq!(index(&mut servers, now + obeyed), Some(0), "{asked:?}");
    }
}

#[test]
fn the_last_server_is_asked_also_after_a_failure() {
    let now = Instant::now();
    let mut servers = healthy(2);
    for server in &mut servers {
        server.record_failure(now, FallbackReason::Unreachable, None);
    }
    assert_eq!(index(&mut servers, now), Some(1));
    let mut single = healthy(1);
    single[0].record_failure(now, FAILED, None);
    assert_eq!(index(&mut single, now), Some(0));
}

#[test]
fn a_server_without_its_secret_is_never_asked() {
    let now = Instant::now();
    let mut servers = vec![ServerHealth::unusable(), ServerHealth::default()];
    let later = now + MAX_BACKOFF * 100;
    let choice = choose(&mut servers, &[0, 1], 0, later).unwrap();
    assert_eq!(choice.index, 1);
    assert_eq!(choice.passed_over, Some(FallbackReason::Misconfigured));
    assert_eq!(index(&mut [ServerHealth::unusable()], later), None);
}

#[test]
fn a_failure_is_new_once_until_its_reason_changes() {
    let now = Instant::now();
    let mut server = ServerHealth::default();
    let refused = FallbackReason::Misconfigured;
    assert!(server.record_failure(now, refused, None));
    assert!(!server.record_failure(now, refused, None));
    assert!(server.record_failure(now, FAILED, None));
    server.record_success();
    assert!(server.record_failure(now, FAILED, None));
}

#[test]
fn a_question_that_is_too_long_pauses_nobody() {
    let now = Instant::now();
    let mut servers = healthy(2);
    servers[0].record_failure(now, FallbackReason::TooLong, None);
    assert_eq!(index(&mut servers, now), Some(0));
}
