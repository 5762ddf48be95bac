//! Hashing, its bounds, and hashes with other parameters.

use super::*;

fn hasher(iterations: u32, concurrency: usize) -> PasswordHasher {
    let settings = HashingSettings {
        memory_kib: 19 * 1024,
        iterations,
        concurrency,
    };
    PasswordHasher::new(settings).unwrap()
}

/// A client of that network.
fn network(number: u8) -> Requester {
    Requester::Network(IpAddr::from([203, 0, 113, number]))
}

fn typed(text: &str) -> PasswordText {
    PasswordText::try_from(text.to_owned()).unwrap()
}

fn set(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_password_matches_its_own_hash_only() {
    let hasher = hasher(2, 1);
    let stored = hasher
        .hash(network(1), set("Correct-Horse-9"))
        .await
        .unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
    let right = hasher
        .verify(network(1), typed("Correct-Horse-9"), Some(stored.clone()))
        .await
        .unwrap();
    assert_eq!(right, PasswordCheck::Match { rehashed: None });
    let wrong = hasher
        .verify(network(1), typed("Correct-Horse-8"), Some(stored))
        .await
        .unwrap();
    assert_eq!(wrong, PasswordCheck::Mismatch);
    assert_eq!(
        hasher
            .verify(network(1), typed("Correct-Horse-9"), None)
            .await
            .unwrap(),
        PasswordCheck::Mismatch
    );
}

#[tokio::test]
async fn a_hash_with_other_parameters_is_replaced() {
    let stored = hasher(3, 1)
        .hash(network(1), set("Correct-Horse-9"))
        .await
        .unwrap();
    let current = hasher(2, 1);
    let check = current
        .verify(network(1), typed("Correct-Horse-9"), Some(stored.clone()))
        .await
        .unwrap();
    let PasswordCheck::Match {
        rehashed: Some(fresh),
    } = check
    else {
        panic!("{check:?}");
    };
    assert!(fresh.contains("t=2,"), "{fresh}");
    let wrong = current
        .verify(network(1), typed("another"), Some(stored))
        .await
        .unwrap();
    assert_eq!(
        wrong,
        PasswordCheck::Mismatch,
        "a wrong password rehashes nothing"
    );
}

#[tokio::test]
async fn a_hash_of_the_raw_spelling_matches_and_is_replaced() {
    let hasher = hasher(2, 1);
    // As versions did that hashed what was typed.
    let stored = hasher
        .hash(network(1), set("Cafe\u{301}-7-Lantern"))
        .await
        .unwrap();
    let verify = async |text: &str, stored: &str| {
        let check = hasher
            .verify(network(1), typed(text), Some(stored.to_owned()))
            .await;
        check.unwrap()
    };
    let composed = verify("Caf\u{e9}-7-Lantern", &stored).await;
    assert_eq!(composed, PasswordCheck::Mismatch, "not what was typed then");
    let PasswordCheck::Match {
        rehashed: Some(fresh),
    } = verify("Cafe\u{301}-7-Lantern", &stored).await
    else {
        panic!("the hash of the raw spelling must match and be replaced");
    };
    for text in ["Caf\u{e9}-7-Lantern", "Cafe\u{301}-7-Lantern"] {
        let check = verify(text, &fresh).await;
        assert_eq!(check, PasswordCheck::Match { rehashed: None }, "{text}");
    }
    let wrong = verify("Cafe\u{301}-8-Lantern", &stored).await;
    assert_eq!(wrong, PasswordCheck::Mismatch);
}

#[tokio::test]
async fn a_damaged_hash_is_an_error() {
    let check = hasher(2, 1)
        .verify(
            network(1),
            typed("x"),
            Some("$argon2id$nonsense".to_owned()),
        )
        .await;
    assert!(matches!(check, Err(HashError::Failed(_))), "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_serves_the_rest() {
    let hasher = hasher(2, 1);
    // More than the running one and the queue, of networks that each want one.
    let many = 1 + MAX_QUEUED_PER_LANE + 7;
    let tasks: Vec<_> = (0..many)
        .map(|number| {
            let (hasher, of) = (hasher.clone(), network(u8::try_from(number).unwrap()));
            tokio::spawn(async move { hasher.hash(of, set("Correct-Horse-9")).await })
        })
        .collect();
    let (mut served, mut busy) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => served += 1,
            Err(HashError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(busy >= 1, "{served} served, {busy} refused");
    assert_eq!(served + busy, many);
    assert!(
        hasher
            .hash(network(1), set("Correct-Horse-9"))
            .await
            .is_ok(),
        "every place is free again"
    );
}

#[tokio::test]
async fn one_network_has_its_share_of_the_queue_and_delays_another_by_one_hash_of_each_seat() {
    const SEATS: usize = 3;
    let hasher = hasher(2, SEATS);
    let (order, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let start = |of: Requester| {
        let (hasher, order) = (hasher.clone(), order.clone());
        tokio::spawn(async move {
            let result = hasher.hash(of, set("Correct-Horse-9")).await;
            order.send((of, result.is_ok())).unwrap();
        })
    };
    let share = SEATS * MAX_QUEUED_PER_NETWORK_AND_LANE;
    assert!(share >= 50, "{share}");
    let first: Vec<_> = (0..SEATS + share + 10).map(|_| start(network(1))).collect();
    // Each is hashed, waits or is refused when it was polled once.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let mut refused = 0;
    while let Ok((_, is_served)) = ended.try_recv() {
        refused += usize::from(!is_served);
    }
    assert!(refused >= 1, "one network does not get the whole queue");
    let waiting = hasher.turns.waiting();
    assert!(waiting >= 50, "{waiting} wait");
    let other = start(network(2));
    let mut before = 0;
    while ended.recv().await != Some((network(2), true)) {
        before += 1;
    }
    other.await.unwrap();
    // Those that ran when it arrived, and what the freed seats have taken while it ran.
    assert!(
        before <= share / 4,
        "{before} of {waiting} were served before it"
    );
    for task in first {
        task.abort();
    }
}

#[tokio::test]
async fn hashes_are_those_of_the_argon2_crate() {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
    let hasher = hasher(2, 1);
    let ours = hasher
        .hash(network(1), set("Correct-Horse-9"))
        .await
        .unwrap();
    let parsed = PasswordHash::new(&ours).unwrap();
    let crates_own = Argon2::default();
    crates_own
        .verify_password(b"Correct-Horse-9", &parsed)
        .unwrap();
    let salt = SaltString::from_b64("c2FsdHNhbHRzYWx0c2FsdA").unwrap();
    let theirs = crates_own.hash_password(b"Correct-Horse-9", &salt).unwrap();
    for _ in 0..2 {
        let check = hasher
            .verify(
                network(1),
                typed("Correct-Horse-9"),
                Some(theirs.to_string()),
            )
            .await;
        assert_eq!(
            check.unwrap(),
            PasswordCheck::Match { rehashed: None },
            "also in pooled memory"
        );
    }
    assert_eq!(
        hasher.memory_pool.lock().unwrap().len(),
        1,
        "one memory for one concurrent hash"
    );
}
