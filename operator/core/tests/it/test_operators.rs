//! Two operators on one platform: what each of them notices.

use jiff::{SignedDuration, Timestamp};
use operator_core::api::PlatformStatus;
use operator_core::api::condition::ConditionStatus::False;
use operator_core::api::status::OperatorStatus;
use operator_core::status::operators::{Claim, sign};

fn operator(name: &str) -> OperatorStatus {
    OperatorStatus {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
    }
}

/// What an operator makes of a status, and what it then knows.
fn signed(present: Option<&PlatformStatus>, claim: &Claim, now: Timestamp) -> PlatformStatus {
    let mut next = present.cloned().unwrap_or_default();
    sign(&mut next, present, claim, now);
    next
}

#[test]
fn a_second_operator_is_noticed_and_a_predecessor_is_not() {
    let now = "2026-11-24T10:00:00Z".parse().expect("a time");
    let claim = |name: &str, held| Claim {
        own: operator(name),
        held,
        rival: None,
    };
    let first = signed(None, &claim("a/one", false), now);
    assert_eq!(first.operator, Some(operator("a/one")));
    assert_eq!(first.conditions, []);
    // Installed again under another name: the other one is gone.
    let second = signed(Some(&first), &claim("b/two", false), now);
    assert_eq!(second.operator, Some(operator("b/two")));
    assert_eq!(second.conditions, []);
    // It is not gone: it finds another signature since its own.
    let third = signed(Some(&second), &claim("a/one", true), now);
    assert_eq!(third.operator, Some(operator("a/one")));
    let told = &third.conditions[0];
    assert_eq!((&*told.kind, told.status), ("SoleOperator", False));
    assert_eq!(told.reason, "SecondOperator");
    assert!(
        told.message.contains("a/one") && told.message.contains("b/two"),
        "{told:?}"
    );
    // The same bytes while it is known, and nothing when it has not been seen for long.
    let later = now + SignedDuration::from_mins(20);
    let mut knows = claim("a/one", true);
    knows.rival = Some(operator("b/two"));
    assert_eq!(signed(Some(&third), &knows, later), third);
    assert_eq!(
        signed(Some(&third), &claim("a/one", true), later).conditions,
        []
    );
    // A new version of the same Deployment follows an old one.
    let mut newer = claim("a/one", false);
    newer.own.version = "0.2.0".to_owned();
    assert_eq!(signed(Some(&first), &newer, now).conditions, []);
}
