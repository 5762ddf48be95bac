//! The bounds of the pool, and what becomes of old hashes.

use super::*;

fn pool(iterations: u32, concurrency: usize) -> Hashing {
    let settings = HashingSettings {
        memory_kib: 19 * 1024,
        iterations,
        concurrency,
    };
    Hashing::new(settings).unwrap()
}

fn typed(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_password_matches_its_own_hash_only() {
    let pool = pool(2, 1);
    let stored = pool.hash(typed("Correct-Horse-9")).await.unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
    let right = pool
        .verify(typed("Correct-Horse-9"), Some(stored.clone()))
        .await
        .unwrap();
    assert_eq!(right, Verdict::Right { rehashed: None });
    let wrong = pool
        .verify(typed("Correct-Horse-8"), Some(stored))
        .await
        .unwrap();
    assert_eq!(wrong, Verdict::Wrong);
    assert_eq!(
        pool.verify(typed("Correct-Horse-9"), None).await.unwrap(),
        Verdict::Wrong
    );
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_made_anew() {
    let stored = pool(3, 1).hash(typed("Correct-Horse-9")).await.unwrap();
    let today = pool(2, 1);
    let verdict = today
        .verify(typed("Correct-Horse-9"), Some(stored.clone()))
        .await
        .unwrap();
    let Verdict::Right {
        rehashed: Some(fresh),
    } = verdict
    else {
        panic!("{verdict:?}");
    };
    assert!(fresh.contains("t=2,"), "{fresh}");
    let wrong = today.verify(typed("another"), Some(stored)).await.unwrap();
    assert_eq!(wrong, Verdict::Wrong, "a wrong password rehashes nothing");
}

#[tokio::test]
async fn a_damaged_hash_is_an_error_and_no_verdict() {
    let verdict = pool(2, 1)
        .verify(typed("x"), Some("$argon2id$nonsense".to_owned()))
        .await;
    assert!(matches!(verdict, Err(HashError::Failed(_))), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_may_wait_are_turned_away_at_once_and_the_rest_is_served() {
    let pool = pool(2, 1);
    let many = 1 + WAITING_PER_LANE + 7;
    let asked: Vec<_> = (0..many)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.hash(typed("Correct-Horse-9")).await })
        })
        .collect();
    let (mut served, mut busy) = (0, 0);
    for one in asked {
        match one.await.unwrap() {
            Ok(_) => served += 1,
            Err(HashError::Busy) => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(busy >= 1, "{served} served, {busy} turned away");
    assert_eq!(served + busy, many);
    assert!(
        pool.hash(typed("Correct-Horse-9")).await.is_ok(),
        "every seat is free again"
    );
}

#[tokio::test]
async fn hashes_are_those_of_the_argon2_crate() {
    use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
    let pool = pool(2, 1);
    let ours = pool.hash(typed("Correct-Horse-9")).await.unwrap();
    let parsed = PasswordHash::new(&ours).unwrap();
    let crates_own = Argon2::default();
    crates_own
        .verify_password(b"Correct-Horse-9", &parsed)
        .unwrap();
    let salt = SaltString::from_b64("c2FsdHNhbHRzYWx0c2FsdA").unwrap();
    let theirs = crates_own.hash_password(b"Correct-Horse-9", &salt).unwrap();
    for _ in 0..2 {
        let verdict = pool
            .verify(typed("Correct-Horse-9"), Some(theirs.to_string()))
            .await;
        assert_eq!(
            verdict.unwrap(),
            Verdict::Right { rehashed: None },
            "also in used memory"
        );
    }
    assert_eq!(
        pool.memories.lock().unwrap().len(),
        1,
        "one memory for one lane"
    );
}
