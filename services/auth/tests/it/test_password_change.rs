//! A new password: by the old one, or by a letter that only the owner of the address reads.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;
use shared_testkit::Answer;

use crate::letters::{Worker, code, codes};
use crate::world::{Account, PASSWORD, World};

const EMAIL: &str = "ana@example.com";
const OTHER: &str = "Copper-4-Meadow";
const SUBJECT: &str = "Set a new password";

async fn change(world: &World, access: &str, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    let caller = world.client.with_token(access);
    caller.post("/auth/v1/password/change", &body).await
}

async fn ask(world: &World, email: &str, ip: &str) -> Answer {
    let body = json!({"email": email});
    world.post_from(ip, "/auth/v1/password/reset", &body).await
}

async fn confirm(world: &World, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "new_password": password});
    world
        .client
        .post("/auth/v1/password/reset/confirm", &body)
        .await
}

#[tokio::test]
async fn a_change_keeps_this_session_and_ends_the_others() {
    let world = World::new().await;
    let here = world.register(EMAIL).await;
    let there = Account::of(&world.login(EMAIL, PASSWORD, "203.0.113.7").await.json());
    let answer = change(&world, &here.access, PASSWORD, OTHER).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
    world.me(&here.access).await.expect(StatusCode::OK);
    world.refresh(&here.refresh).await.expect(StatusCode::OK);
    assert_eq!(world.me(&there.access).await.code(), "session_ended");
    assert_eq!(
        world.refresh(&there.refresh).await.code(),
        "invalid_refresh_token"
    );
    let old = world.login(EMAIL, PASSWORD, "203.0.113.8").await;
    assert_eq!(old.code(), "invalid_credentials");
    world
        .login(EMAIL, OTHER, "203.0.113.8")
        .await
        .expect(StatusCode::OK);
    let outbox = auth_service::commands::outbox(&world.config).await.unwrap();
    assert!(outbox.contains("Your password was changed"), "{outbox}");
}

#[tokio::test]
async fn a_change_needs_the_old_password_and_a_good_new_one() {
    let world = World::new().await;
    let account = world.register(EMAIL).await;
    let wrong = change(&world, &account.access, "Wrong-4-Meadow", OTHER).await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.code().as_str()),
        (403, "wrong_password")
    );
    let weak = change(&world, &account.access, PASSWORD, "short").await;
    assert_eq!(
        (weak.status.as_u16(), weak.code().as_str()),
        (422, "weak_password")
    );
    let own = change(&world, &account.access, PASSWORD, "Lima-Ana-4-Meadow").await;
    assert_eq!(own.code(), "weak_password", "the own name is no secret");
    let same = change(&world, &account.access, PASSWORD, PASSWORD).await;
    assert_eq!(
        (same.status.as_u16(), same.code().as_str()),
        (422, "invalid_fields")
    );
    world
        .login(EMAIL, PASSWORD, "203.0.113.8")
        .await
        .expect(StatusCode::OK);
    let mut last = wrong;
    for _ in 0..8 {
        last = change(&world, &account.access, "Wrong-4-Meadow", OTHER).await;
    }
    assert_eq!(
        last.status,
        StatusCode::TOO_MANY_REQUESTS,
        "a stolen token guesses no longer"
    );
    assert!(last.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_letter_sets_a_new_password_once() {
    let world = World::new().await;
    let _worker = Worker::start(&world);
    let account = world.register(EMAIL).await;
    for number in 0..5 {
        let ip = format!("203.0.113.{number}");
        world.login(EMAIL, "Wrong-4-Meadow", &ip).await;
    }
    assert_eq!(
        ask(&world, EMAIL, "203.0.113.7").await.status,
        StatusCode::ACCEPTED
    );
    let token = code(&world, EMAIL, SUBJECT, 1).await;
    let weak = confirm(&world, &token, "short").await;
    assert_eq!(
        weak.code(),
        "weak_password",
        "a weak password uses nothing up"
    );
    let set = confirm(&world, &token, OTHER).await;
    assert_eq!(set.status, StatusCode::NO_CONTENT, "{}", set.text());
    assert_eq!(world.me(&account.access).await.code(), "revoked_token");
    assert_eq!(
        world.refresh(&account.refresh).await.code(),
        "invalid_refresh_token"
    );
    let signed_in = world
        .login(EMAIL, OTHER, "203.0.113.9")
        .await
        .expect(StatusCode::OK);
    assert!(
        signed_in["user"]["email_verified_at"].is_string(),
        "the letter arrived"
    );
    let again = confirm(&world, &token, "Granite-6-Ladder").await;
    assert_eq!(
        (again.status.as_u16(), again.code().as_str()),
        (422, "invalid_code")
    );
}

#[tokio::test]
async fn only_the_newest_letter_counts_and_only_for_an_hour() {
    let world = World::new().await;
    let _worker = Worker::start(&world);
    world.register(EMAIL).await;
    ask(&world, EMAIL, "203.0.113.7").await;
    let older = code(&world, EMAIL, SUBJECT, 1).await;
    ask(&world, EMAIL, "203.0.113.7").await;
    let newer = code(&world, EMAIL, SUBJECT, 2).await;
    assert_ne!(older, newer);
    assert_eq!(confirm(&world, &older, OTHER).await.code(), "invalid_code");
    let age = "update auth.email_tokens set expires_at = expires_at - interval '61 minutes'
               where purpose = 'password_reset'";
    sqlx::query(age)
        .execute(&world.admin().await)
        .await
        .unwrap();
    assert_eq!(confirm(&world, &newer, OTHER).await.code(), "invalid_code");
    assert_eq!(
        confirm(&world, "made-up", OTHER).await.code(),
        "invalid_code"
    );
    world
        .login(EMAIL, PASSWORD, "203.0.113.9")
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn two_who_use_one_letter_set_one_password() {
    let world = World::new().await;
    let _worker = Worker::start(&world);
    world.register(EMAIL).await;
    ask(&world, EMAIL, "203.0.113.7").await;
    let token = code(&world, EMAIL, SUBJECT, 1).await;
    let (first, second) = tokio::join!(
        confirm(&world, &token, OTHER),
        confirm(&world, &token, "Granite-6-Ladder"),
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422]);
}

#[tokio::test]
async fn known_and_unknown_addresses_are_answered_alike_and_as_fast() {
    let world = World::new().await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    for number in 0..10 {
        world.register(&format!("user-{number}@example.com")).await;
    }
    // Often enough that the fastest of each is what the road costs, whatever else runs.
    for number in 0..60 {
        let who = if number % 2 == 0 { "user" } else { "nobody" };
        let email = format!("{who}-{}@example.com", number / 2 % 10);
        let fastest = if who == "user" {
            &mut known
        } else {
            &mut unknown
        };
        let began = Instant::now();
        let answer = ask(&world, &email, &format!("203.0.113.{number}")).await;
        *fastest = began.elapsed().min(*fastest);
        let seen = (answer.status, answer.body.len());
        assert_eq!(seen, (StatusCode::ACCEPTED, 0));
    }
    assert!(
        known < unknown * 3 && unknown < known * 3,
        "{known:?} {unknown:?}"
    );
    // And nobody gets a letter who has no account, nor is anything kept of the address.
    let _worker = Worker::start(&world);
    code(&world, "user-9@example.com", SUBJECT, 1).await;
    let began = Instant::now();
    let left = async || -> i64 {
        use sqlx::Row as _;
        let count = sqlx::query("select count(*) from auth.reset_requests");
        count.fetch_one(&world.admin().await).await.unwrap().get(0)
    };
    while left().await > 0 {
        assert!(began.elapsed() < Duration::from_secs(15));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        codes(&world, "nobody-7@example.com", SUBJECT)
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn nobodys_inbox_is_filled() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for number in 0..5 {
        let answer = ask(&world, EMAIL, &format!("203.0.113.{number}")).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses[..3], [202, 202, 202]);
    assert!(statuses.contains(&429), "{statuses:?}");
}
