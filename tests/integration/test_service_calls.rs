//! Which service may call which endpoint: every caller at every target for every purpose, on real
//! connections, with the keys that the caller has, and with all that a thief of one service has.

use std::collections::BTreeMap;
use std::fmt;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared_auth::claims::{CALLER_KID_PREFIX, INTERNAL_KID, ServiceClaims};
use shared_config::Service::{AiEngine, Auth, Channel, CreatorHub};
use shared_config::{CALLS, Service};
use shared_models::CreatorId;
use shared_testkit::service_keys;
use uuid::Uuid;

use crate::processes::Processes;

/// What a service is called for.
struct Purpose {
    target: Service,
    method: Method,
    path: String,
    /// Who may.
    callers: &'static [Service],
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.target.name(), self.method, self.path)
    }
}

impl Purpose {
    fn new(
        target: Service,
        method: Method,
        path: impl Into<String>,
        callers: &'static [Service],
    ) -> Self {
        Self {
            target,
            method,
            path: path.into(),
            callers,
        }
    }
}

/// The table: each internal endpoint, and public ones of which a service may use some.
fn purposes() -> Vec<Purpose> {
    let services = [of_auth(), of_creator_hub(), of_ai_engine(), of_channel()];
    services.into_iter().flatten().collect()
}

fn of_auth() -> Vec<Purpose> {
    let purpose = |method, path: &str, callers| Purpose::new(Auth, method, path, callers);
    vec![
        purpose(
            Method::POST,
            "/internal/v1/api-keys/introspect",
            &[CreatorHub, AiEngine, Channel],
        ),
        purpose(Method::GET, "/v1/me", &[]),
        purpose(Method::GET, "/v1/audit", &[]),
    ]
}

fn of_creator_hub() -> Vec<Purpose> {
    let id = Uuid::now_v7();
    let document = format!("/internal/v1/documents/{id}");
    let text = format!("{document}/texts/{}", "0".repeat(64));
    let purpose = |method, path: String, callers| Purpose::new(CreatorHub, method, path, callers);
    let mut purposes = vec![
        purpose(Method::GET, text, &[AiEngine]),
        purpose(Method::GET, format!("{document}/original"), &[Channel]),
        purpose(Method::GET, "/v1/documents".to_owned(), &[]),
        purpose(Method::DELETE, format!("/v1/documents/{id}"), &[]),
    ];
    purposes.extend(tenant_data(CreatorHub));
    purposes
}

fn of_ai_engine() -> Vec<Purpose> {
    let id = Uuid::now_v7();
    let document = format!("/internal/v1/documents/{id}");
    let events = format!("/v1/generations/{id}/events");
    let purpose = |method, path: &str, callers| Purpose::new(AiEngine, method, path, callers);
    let mut purposes = vec![
        purpose(Method::PUT, &document, &[CreatorHub]),
        purpose(Method::DELETE, &document, &[CreatorHub]),
        purpose(Method::PUT, "/internal/v1/document-access", &[CreatorHub]),
        purpose(Method::PUT, "/internal/v1/qa-pairs", &[CreatorHub]),
        purpose(Method::POST, "/v1/search", &[CreatorHub]),
        purpose(Method::POST, "/v1/answers", &[Channel]),
        purpose(Method::GET, &events, &[Channel]),
        purpose(Method::GET, "/v1/generations", &[]),
        purpose(Method::GET, "/v1/settings", &[]),
        purpose(Method::PUT, "/v1/settings", &[]),
    ];
    purposes.extend(tenant_data(AiEngine));
    purposes
}

fn of_channel() -> Vec<Purpose> {
    let mut purposes = vec![
        Purpose::new(Channel, Method::GET, "/v1/conversations", &[]),
        Purpose::new(Channel, Method::GET, "/v1/channels", &[]),
    ];
    purposes.extend(tenant_data(Channel));
    purposes
}

/// What every service but auth has for exports and deletion.
fn tenant_data(target: Service) -> [Purpose; 2] {
    [Method::GET, Method::DELETE]
        .map(|method| Purpose::new(target, method, "/internal/v1/tenant-data", &[Auth]))
}

/// The keys in the environment of a service, by their variables.
fn keys_of(service: Service) -> BTreeMap<&'static str, String> {
    service_keys(service).collect()
}

fn claims(caller: Service, target: Service) -> ServiceClaims {
    let now = jsonwebtoken::get_current_timestamp().cast_signed();
    ServiceClaims {
        sub: caller.name().to_owned(),
        creator_id: Some(CreatorId::new()),
        aud: target.name().to_owned(),
        iat: now,
        exp: now + 60,
        pair: None,
    }
}

fn sign(kid: &str, claims: &ServiceClaims, key: &str) -> String {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(kid.to_owned());
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

fn kid_of(service: Service) -> String {
    format!("{CALLER_KID_PREFIX}{}", service.name())
}

/// The status and the code of the answer to a call with that token.
async fn answer(all: &Processes, purpose: &Purpose, token: &str) -> (StatusCode, String) {
    let url = all.url(purpose.target, &purpose.path);
    let request = all.http.request(purpose.method.clone(), url);
    // Of one address, few requests without a right are answered.
    let [a, b, ..] = *Uuid::new_v4().as_bytes();
    let request = request.header("x-forwarded-for", format!("198.18.{a}.{b}"));
    let request = request.bearer_auth(token).json(&json!({}));
    let response = request.send().await.unwrap();
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    let body: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// Every caller that has a key, and what is wrong with how the target answers. One whose key is
/// right is known, and gets 403 where it has no business.
async fn honest_calls(all: &Processes, purpose: &Purpose, faults: &mut Vec<String>) -> usize {
    let target = purpose.target;
    let calls = CALLS.iter().filter(|call| call.target == target);
    let mut count = 0;
    for call in calls {
        let caller = call.caller;
        let key = &keys_of(caller)[call.key];
        let token = sign(&kid_of(caller), &claims(caller, target), key);
        let (status, code) = answer(all, purpose, &token).await;
        let is_refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
        let may = purpose.callers.contains(&caller);
        let is_right = if may {
            !is_refused
        } else {
            status == StatusCode::FORBIDDEN
        };
        if !is_right {
            faults.push(format!("{} -> {purpose}: {status} {code}", caller.name()));
        }
        count += 1;
    }
    count
}

/// Tokens in the name of a service, made with a key of another one in every way that is read.
fn forgeries(victim: Service, target: Service, thief: Service, key: &str) -> [String; 4] {
    let claimed = claims(victim, target);
    let as_victim = sign(&kid_of(victim), &claimed, key);
    let mut carrier = claims(victim, target);
    carrier.pair = Some(as_victim.clone());
    [
        sign(&kid_of(thief), &claimed, key),
        as_victim,
        sign(INTERNAL_KID, &claimed, key),
        sign(INTERNAL_KID, &carrier, key),
    ]
}

/// A thief of all keys of a service cannot speak as another one to a third.
async fn forged_calls(all: &Processes, purpose: &Purpose, faults: &mut Vec<String>) -> usize {
    let target = purpose.target;
    let mut count = 0;
    for thief in Service::ALL.into_iter().filter(|thief| *thief != target) {
        for victim in Service::ALL.into_iter().filter(|victim| *victim != thief) {
            for (name, key) in keys_of(thief) {
                for token in forgeries(victim, target, thief, &key) {
                    let (status, code) = answer(all, purpose, &token).await;
                    if (status, code.as_str()) != (StatusCode::UNAUTHORIZED, "invalid_token") {
                        let victim = victim.name();
                        faults.push(format!("{name} as {victim} -> {purpose}: {status} {code}"));
                    }
                    count += 1;
                }
            }
        }
    }
    count
}

#[tokio::test]
async fn each_service_may_call_what_the_table_says_and_a_thief_no_more() {
    let all = Processes::start().await;
    let mut faults = Vec::new();
    let (mut honest, mut forged) = (0, 0);
    for purpose in purposes() {
        honest += honest_calls(&all, &purpose, &mut faults).await;
        forged += forged_calls(&all, &purpose, &mut faults).await;
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(
        honest >= 60 && forged >= 3_000,
        "{honest} calls, {forged} forged"
    );
}
