//! A flood of sign-ins: auth stays within its memory, and turns away what it cannot take.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::json;
use shared_config::Service;
use uuid::Uuid;

use crate::processes::{PASSWORD, Processes};

/// What the operator gives auth, as the limit of its container.
const LIMIT_KIB: u64 = 256 * 1024;
/// As many at once, several times.
const AT_ONCE: usize = 300;

/// From an address of its own: the limit of one address would end a flood before it is one.
async fn sign_in(all: &Processes, email: &str) -> Response {
    let body = json!({"email": email, "password": PASSWORD});
    let url = all.url(Service::Auth, "/v1/login");
    let [a, b, ..] = *Uuid::new_v4().as_bytes();
    let from = format!("198.19.{a}.{b}");
    let request = all.http.post(url).header("x-forwarded-for", from);
    request.json(&body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sign_ins_stays_within_memory_and_the_excess_is_told_to_wait() {
    let all = Processes::start().await;
    let ana = all.register("flood").await;
    let mut answers: BTreeMap<StatusCode, usize> = BTreeMap::new();
    for round in 0..3 {
        // Nobody's addresses cost the same work, and each has limits of its own.
        let names = (0..AT_ONCE).map(|number| format!("flood-{round}-{number}@example.com"));
        let names: Vec<String> = names.collect();
        for answer in join_all(names.iter().map(|name| sign_in(&all, name))).await {
            let status = answer.status();
            if status != StatusCode::UNAUTHORIZED {
                let wait = answer.headers().get("retry-after");
                let wait = wait.and_then(|wait| wait.to_str().ok()?.parse::<u64>().ok());
                assert!(
                    wait.is_some_and(|seconds| seconds >= 1),
                    "{status}: no time to wait"
                );
            }
            *answers.entry(status).or_default() += 1;
        }
    }
    let expected = [
        StatusCode::UNAUTHORIZED,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    let others = answers.keys().filter(|status| !expected.contains(status));
    assert_eq!(others.count(), 0, "{answers:?}");
    assert!(
        answers.contains_key(&StatusCode::UNAUTHORIZED),
        "{answers:?}"
    );
    let turned_away = answers.get(&StatusCode::SERVICE_UNAVAILABLE);
    assert!(turned_away.is_some(), "a flood it was: {answers:?}");
    let most = all.most_memory_kib(Service::Auth);
    assert!(most < LIMIT_KIB, "auth took {most} KiB");
    assert_eq!(sign_in(&all, &ana.email).await.status(), StatusCode::OK);
}
