//! What is served while some watches cannot list.

use kube::runtime::watcher::Event;
use operator::seen::{Seen, Watch};
use operator_core::object::Kind;
use tokio::time::{Duration, timeout};

fn watch(kind: Kind, namespace: &str) -> Watch {
    Watch {
        kind,
        namespace: Some(namespace.to_owned()),
    }
}

fn list(seen: &Seen, kind: Kind, namespace: &str) {
    seen.absorb(&watch(kind, namespace), Event::Init);
    seen.absorb(&watch(kind, namespace), Event::InitDone);
}

/// Waiting ends at once or never.
async fn is_listed(seen: &Seen, namespace: &str) -> bool {
    let listed = seen.listed_in(Some(namespace));
    timeout(Duration::from_millis(50), listed).await.is_ok()
}

#[tokio::test]
async fn a_namespace_is_served_without_waiting_for_another() {
    let seen = Seen::default();
    for namespace in ["here", "gone"] {
        seen.announce(watch(Kind::Secret, namespace));
        seen.announce(watch(Kind::Deployment, namespace));
    }
    assert!(!seen.serves());
    list(&seen, Kind::Secret, "here");
    assert!(!is_listed(&seen, "here").await, "one kind is missing");
    assert!(!seen.serves());
    list(&seen, Kind::Deployment, "here");
    assert!(is_listed(&seen, "here").await);
    assert!(seen.serves());
    assert!(!is_listed(&seen, "gone").await);
    let waiting = seen.waiting();
    let expected = [(
        Some("gone".to_owned()),
        vec![Kind::Secret, Kind::Deployment],
    )];
    let sorted = |mut kinds: Vec<Kind>| {
        kinds.sort();
        kinds
    };
    let waiting = waiting
        .into_iter()
        .map(|(place, kinds)| (place, sorted(kinds)));
    let expected = expected.map(|(place, kinds)| (place, sorted(kinds)));
    assert_eq!(waiting.collect::<Vec<_>>(), expected);
}
