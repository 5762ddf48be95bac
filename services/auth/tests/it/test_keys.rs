//! Keys that sign: changed on demand and by the calendar, and no token is refused for it.

use std::io::Write as _;
use std::time::{Duration, Instant};

use auth_service::commands;
use http::StatusCode;
use serde_json::{Value, json};
use shared_config::Service;
use shared_web::{Verifier, outbound};
use sqlx::Row as _;
use tokio::net::TcpListener;

use crate::letters::Worker;
use crate::world::{Account, PASSWORD, World, client};

const EMAIL: &str = "ana@example.com";

fn kid(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn published(world: &World) -> Vec<String> {
    let set = world.key_set().await;
    let names = set
        .keys
        .iter()
        .map(|key| key.common.key_id.clone().unwrap());
    names.collect()
}

async fn admin(world: &World) -> Account {
    let account = world.register(EMAIL).await;
    let said = commands::administer(&world.config, EMAIL, true)
        .await
        .unwrap();
    assert!(said.contains("is an administrator"), "{said}");
    account
}

async fn rotate(world: &World, account: &Account) -> Value {
    let caller = world.client.with_token(&account.access);
    let answer = caller.post("/auth/v1/keys/rotate", &json!({})).await;
    answer.expect(StatusCode::ACCEPTED)
}

async fn sign_in(world: &World, ip: &str) -> Account {
    Account::of(
        &world
            .login(EMAIL, PASSWORD, ip)
            .await
            .expect(StatusCode::OK),
    )
}

/// Another service, which learns keys from another replica of auth.
async fn hub(world: &World) -> Verifier {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut rules = world.config.verifier.clone();
    rules.auth_url = format!("http://{}", listener.local_addr().unwrap());
    let state = auth_service::AppState::new(&world.config).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::spawn(auth_service::work(state.clone(), stop));
    let router = auth_service::app(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Verifier::new(Service::CreatorHub, rules, outbound::client().unwrap())
}

#[tokio::test]
async fn a_new_key_signs_within_a_second_in_every_replica_and_no_token_is_refused() {
    let world = World::new().await;
    let replica = client(&world.config);
    let _worker = Worker::start(&world);
    let hub = hub(&world).await;

    let account = admin(&world).await;
    hub.verify(&account.access).await.unwrap();
    let before = kid(&account.access);
    let keys = rotate(&world, &account).await["keys"].clone();
    let states: Vec<_> = keys
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["state"])
        .collect();
    assert_eq!(states, ["active", "next"], "{keys}");
    let began = Instant::now();
    let mut token = account.refresh.clone();
    let after = loop {
        let renewed = world.refresh(&token).await.expect(StatusCode::OK);
        token = renewed["refresh_token"].as_str().unwrap().to_owned();
        let access = renewed["access_token"].as_str().unwrap().to_owned();
        // Whoever is asked, at every moment.
        world.me(&access).await.expect(StatusCode::OK);
        hub.verify(&access).await.unwrap();
        if kid(&access) != before {
            break access;
        }
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "the new key never signs"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let took = began.elapsed();
    writeln!(
        std::io::stdout(),
        "measured: a new key signs after {took:?}"
    )
    .unwrap();
    assert_eq!(kid(&after), keys[1]["kid"].as_str().unwrap());
    hub.verify(&account.access).await.unwrap();
    world.me(&account.access).await.expect(StatusCode::OK);
    assert_eq!(
        published(&world).await.len(),
        2,
        "the old one is still published"
    );
    let set = replica.get("/auth/.well-known/jwks.json").await.json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn only_administrators_of_the_platform_touch_its_keys() {
    let world = World::new().await;
    let account = world.register(EMAIL).await;
    let plan = "update auth.creators set plan = 'enterprise'";
    sqlx::query(plan)
        .execute(&world.admin().await)
        .await
        .unwrap();
    let caller = world.client.with_token(&account.access);
    for answer in [
        caller.get("/auth/v1/keys").await,
        caller.post("/auth/v1/keys/rotate", &json!({})).await,
    ] {
        let seen = (answer.status.as_u16(), answer.code());
        assert_eq!(
            seen,
            (403, "platform_admins_only".to_owned()),
            "whatever the plan"
        );
    }
    let nobody = commands::administer(&world.config, "nobody@example.com", true).await;
    assert!(nobody.is_err());
    commands::administer(&world.config, "Ana@Example.com", true)
        .await
        .unwrap();
    caller.get("/auth/v1/keys").await.expect(StatusCode::OK);
    let ben = world.register("ben@example.com").await;
    let other = world.client.with_token(&ben.access);
    assert_eq!(
        other.get("/auth/v1/keys").await.code(),
        "platform_admins_only"
    );
    commands::administer(&world.config, EMAIL, false)
        .await
        .unwrap();
    assert_eq!(
        caller.get("/auth/v1/keys").await.code(),
        "platform_admins_only"
    );
    let none = world.client.get("/auth/v1/keys").await;
    assert_eq!(none.code(), "missing_token");
}

#[tokio::test]
async fn the_calendar_brings_the_next_key_an_hour_ahead_and_old_ones_go() {
    let world = World::new().await;
    let account = admin(&world).await;
    let pool = world.admin().await;
    let caller = world.client.with_token(&account.access);
    let look = async || {
        let body = caller.get("/auth/v1/keys").await.expect(StatusCode::OK);
        let keys = body["keys"].as_array().unwrap().clone();
        let states = keys
            .iter()
            .map(|key| key["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    let age = async |interval: &str| {
        let text = "update auth.signing_keys set active_from = active_from - $1::interval";
        let ageing = sqlx::query(text).bind(interval.to_owned());
        ageing.execute(&pool).await.unwrap();
    };
    assert_eq!(look().await, ["active"]);
    age("29 days 22 hours").await;
    assert_eq!(look().await, ["active"]);
    age("61 minutes").await;
    assert_eq!(look().await, ["active", "next"], "an hour before its time");
    assert_eq!(look().await, ["active", "next"], "and only one");
    age("61 minutes").await;
    assert_eq!(look().await, ["retired", "active"]);
    let signed = sign_in(&world, "203.0.113.7").await;
    assert_eq!(kid(&signed.access), published(&world).await[1]);
    let caller = world.client.with_token(&signed.access);
    age("20 minutes").await;
    let body = caller.get("/auth/v1/keys").await.expect(StatusCode::OK);
    assert_eq!(
        body["keys"].as_array().unwrap().len(),
        1,
        "its last token has expired"
    );
}

#[tokio::test]
async fn a_replica_that_starts_later_signs_with_the_key_of_all() {
    let world = World::new().await;
    let account = admin(&world).await;
    rotate(&world, &account).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // It has the seed of the first key, which signs no more.
    let late = client(&world.config);
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let signed = Account::of(
        &late
            .post("/auth/v1/login", &body)
            .await
            .expect(StatusCode::OK),
    );
    assert_eq!(kid(&signed.access), published(&world).await[1]);
    let rows = sqlx::query("select seed from auth.signing_keys");
    for row in rows.fetch_all(&world.admin().await).await.unwrap() {
        let seed: String = row.get(0);
        assert!(seed.starts_with("s1."), "sealed: {seed}");
    }
    let ready = late.get("/readyz").await.json();
    assert!(ready.to_string().contains("signing-keys"), "{ready}");
}
