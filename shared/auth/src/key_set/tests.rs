//! A key set that grew old is asked for again, and serves while nobody answers.

use std::future::IntoFuture as _;
use std::sync::{Arc, Mutex as Shelf};

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::*;
use shared_rpc::http_client;

/// The public key of RFC 8037, appendix A.2, by those names.
fn set_of(names: &[&str]) -> Value {
    let key = |kid: &&str| {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x})
    };
    json!({"keys": names.iter().map(key).collect::<Vec<_>>()})
}

/// An auth that publishes what lies on the shelf, and the keys of a service that asks it.
async fn published(names: &[&str]) -> (Arc<Shelf<Value>>, AbortHandle, KeySet) {
    let shelf = Arc::new(Shelf::new(set_of(names)));
    let shown = Arc::clone(&shelf);
    let answer = move || async move { Json(shown.lock().unwrap().clone()) };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route(wiring::JWKS, get(answer));
    let server = tokio::spawn(axum::serve(listener, router).into_future());
    let source = Some(format!("http://{address}"));
    let keys = KeySet::new(source, http_client::new().unwrap());
    (shelf, server.abort_handle(), keys)
}

/// As if so much time had passed since auth was asked.
async fn age(keys: &KeySet, by: Duration) {
    let asked = Instant::now().checked_sub(by);
    *keys.fetched.lock().await = Some(asked.unwrap());
}

async fn knows(keys: &KeySet, kid: &str) -> bool {
    keys.find(kid).await.unwrap().is_some()
}

#[tokio::test]
async fn a_key_that_auth_no_longer_publishes_is_gone_after_five_minutes() {
    let (shelf, _, keys) = published(&["old", "new"]).await;
    assert!(knows(&keys, "old").await);
    *shelf.lock().unwrap() = set_of(&["new"]);
    age(&keys, KEY_SET_TTL / 2).await;
    assert!(knows(&keys, "old").await, "believed until then");
    age(&keys, KEY_SET_TTL).await;
    assert!(!knows(&keys, "old").await);
    assert!(knows(&keys, "new").await);
}

#[tokio::test]
async fn an_old_set_serves_while_auth_is_away_and_is_not_asked_for_by_each_request() {
    let (_, server, keys) = published(&["one"]).await;
    assert!(knows(&keys, "one").await);
    server.abort();
    age(&keys, KEY_SET_TTL).await;
    assert!(knows(&keys, "one").await);
    let asked = *keys.fetched.lock().await;
    assert!(
        asked.unwrap().elapsed() < KEY_SET_TTL,
        "fetched without success"
    );
    assert!(knows(&keys, "one").await);
    assert_eq!(*keys.fetched.lock().await, asked, "and not once more");
}
