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

fn typed(text: &str) -> PasswordText {
    PasswordText::try_from(text.to_owned()).unwrap()
}

fn set(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_password_matches_its_own_hash_only() {
    let hasher = hasher(2, 1);
    let stored = hasher.hash(set("Correct-Horse-9")).await.unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
    let right = hasher
        .verify(typed("Correct-Horse-9"), Some(stored.clone()))
        .await
        .unwrap();
    assert_eq!(right, PasswordCheck::Match { rehashed: None });
    let wrong = hasher
        .verify(typed("Correct-Horse-8"), Some(stored))
        .await
        .unwrap();
    assert_eq!(wrong, PasswordCheck::Mismatch);
    assert_eq!(
        hasher.verify(typed("Correct-Horse-9"), None).await.unwrap(),
        PasswordCheck::Mismatch
    );
}

#[tokio::test]
async fn a_hash_with_other_parameters_is_replaced() {
    let stored = hasher(3, 1).hash(set("Correct-Horse-9")).await.unwrap();
    let current = hasher(2, 1);
    let check = current
        .verify(typed("Correct-Horse-9"), Some(stored.clone()))
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
        .verify(typed("another"), Some(stored))
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
    let stored = hasher.hash(set("Cafe\u{301}-7-Lantern")).await.unwrap();
    let verify = async |text: &str, stored: &str| {
        let check = hasher.verify(typed(text), Some(stored.to_owned())).await;
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
        .verify(typed("x"), Some("$argon2id$nonsense".to_owned()))
        .await;
    assert!(matches!(check, Err(HashError::Failed(_))), "{check:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_serves_the_rest() {
    let hasher = hasher(2, 1);
    let many = 1 + MAX_QUEUED_PER_LANE + 7;
    let tasks: Vec<_> = (0..many)
        .map(|_| {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.hash(set("Correct-Horse-9")).await })
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
        hasher.hash(set("Correct-Horse-9")).await.is_ok(),
        "every permit is free again"
    );
}

#[tokio::test]
async fn hashes_are_those_of_the_argon2_crate() {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
    let hasher = hasher(2, 1);
    let ours = hasher.hash(set("Correct-Horse-9")).await.unwrap();
    let parsed = PasswordHash::new(&ours).unwrap();
    let crates_own = Argon2::default();
    crates_own
        .verify_password(b"Correct-Horse-9", &parsed)
        .unwrap();
    let salt = SaltString::from_b64("c2FsdHNhbHRzYWx0c2FsdA").unwrap();
    let theirs = crates_own.hash_password(b"Correct-Horse-9", &salt).unwrap();
    for _ in 0..2 {
        let check = hasher
            .verify(typed("Correct-Horse-9"), Some(theirs.to_string()))
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
