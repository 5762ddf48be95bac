//! What ends a credential ends it in all four running services within a second, and a new signing
//! key takes over under load without one refusal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared_config::Service;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::processes::{Account, PASSWORD, Processes, call};

/// What a viewer, and a key with these scopes, may read of each service.
pub(crate) const READS: [(Service, &str); 4] = [
    (Service::Auth, "/v1/members"),
    (Service::CreatorHub, "/v1/documents"),
    (Service::AiEngine, "/v1/models"),
    (Service::Channel, "/v1/channels"),
];
const SCOPES: [&str; 4] = [
    "members:read",
    "documents:read",
    "models:read",
    "channels:read",
];
/// So soon, says the design.
const REVOCATION_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) async fn seen(all: &Processes, service: Service, path: &str, token: &str) -> StatusCode {
    let read = all.http.get(all.url(service, path)).bearer_auth(token);
    read.send().await.unwrap().status()
}

/// Every service lets the credential in, and remembers it.
pub(crate) async fn is_let_in(all: &Processes, token: &str) {
    for (service, path) in [READS, READS].concat() {
        let status = seen(all, service, path, token).await;
        assert_eq!(status, StatusCode::OK, "{}", service.name());
    }
}

/// Asks every service until it answers so, and says how long each took from `began` on.
async fn everywhere(all: &Processes, token: &str, status: StatusCode, began: Instant) -> String {
    let until = async |(service, path): (Service, &str)| {
        loop {
            let found = seen(all, service, path, token).await;
            let took = began.elapsed();
            if found == status {
                return format!(" {} {took:.0?}", service.name());
            }
            assert!(
                took < REVOCATION_TIMEOUT,
                "{} still says {found}",
                service.name()
            );
            sleep(Duration::from_millis(5)).await;
        }
    };
    let took = join_all(READS.map(until)).await.concat();
    for (service, path) in READS {
        let again = seen(all, service, path, token).await;
        assert_eq!(again, status, "{} has forgotten it", service.name());
    }
    took
}

pub(crate) async fn post(all: &Processes, path: &str, token: &str, body: &Value) -> Value {
    let request = all.http.post(all.url(Service::Auth, path));
    let answer = request.bearer_auth(token).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap_or(Value::Null)
}

pub(crate) async fn sign_in(all: &Processes, email: &str) -> Account {
    let body = json!({"email": email, "password": PASSWORD});
    Account::of(&post(all, "/v1/login", "", &body).await)
}

async fn renew(all: &Processes, refresh_token: &str) -> (String, String) {
    let body = json!({"refresh_token": refresh_token});
    let tokens = post(all, "/v1/refresh", "", &body).await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

/// A session and an API key, each ended by its owner.
async fn what_its_owner_ends(all: &Processes, ana: &Account) -> String {
    let other = sign_in(all, &ana.email).await;
    is_let_in(all, &other.token).await;
    let began = Instant::now();
    post(all, "/v1/logout", &other.token, &json!({})).await;
    let mut report = "session ended:".to_owned();
    report += &everywhere(all, &other.token, StatusCode::UNAUTHORIZED, began).await;

    let wanted = json!({"name": "A program", "scopes": SCOPES});
    let made = post(all, "/v1/api-keys", &ana.token, &wanted).await;
    let (key, id) = (
        made["key"].as_str().unwrap(),
        made["api_key"]["id"].as_str().unwrap(),
    );
    is_let_in(all, key).await;
    let url = all.url(Service::Auth, &format!("/v1/api-keys/{id}"));
    let began = Instant::now();
    let request = all.http.delete(url).bearer_auth(&ana.token);
    call(request, StatusCode::NO_CONTENT).await;
    report += "\nkey revoked:";
    report + &everywhere(all, key, StatusCode::UNAUTHORIZED, began).await
}

/// Another role: the tokens of before fall, and what they are renewed to has it.
async fn another_role(all: &Processes, ana: &Account) -> String {
    let wanted = json!({"email": "bo@example.com", "role": "editor"});
    let invite = post(all, "/v1/invites", &ana.token, &wanted).await;
    let body = json!({"token": invite["token"], "password": PASSWORD, "full_name": "Bo Marin"});
    let joined = post(all, "/v1/invites/accept", "", &body).await;
    let bo = Account::of(&joined);
    is_let_in(all, &bo.token).await;
    let member = joined["user"]["id"].as_str().unwrap();
    let url = all.url(Service::Auth, &format!("/v1/members/{member}"));
    let request = all.http.patch(url).bearer_auth(&ana.token);
    let began = Instant::now();
    let changed = request.json(&json!({"role": "viewer"}));
    call(changed, StatusCode::NO_CONTENT).await;
    let took = everywhere(all, &bo.token, StatusCode::UNAUTHORIZED, began).await;
    is_let_in(all, &renew(all, &bo.refresh_token).await.0).await;
    format!("role changed:{took}")
}

/// A resource shuts its account and opens it again.
async fn a_suspended_account(all: &Processes) -> String {
    let (uid, mut wish) = (
        Uuid::new_v4(),
        json!({
            "resource": "acme/cleo", "display_name": "Cleo's Coaching", "plan": "pro",
            "owner": {"email": "cleo@example.com", "full_name": "Cleo Lima"},
            "quotas": {}, "allowed_origins": [], "invite": true,
        }),
    );
    let made = all.provision(uid, &wish).await;
    let body = json!({"token": made["invitation"]["token"], "password": PASSWORD});
    let came = post(all, "/v1/owner-invitations/accept", "", &body).await;
    let cleo = Account::of(&came);
    is_let_in(all, &cleo.token).await;
    let mut report = String::new();
    for (suspended, status) in [(true, StatusCode::FORBIDDEN), (false, StatusCode::OK)] {
        wish["suspended"] = json!(suspended);
        let began = Instant::now();
        all.provision(uid, &wish).await;
        let took = everywhere(all, &cleo.token, status, began).await;
        write!(report, "\nsuspended {suspended}:{took}").unwrap();
    }
    report
}

/// Every key that signed until now is somebody else's, too.
async fn a_leaked_key(all: &Processes, ana: &Account) -> String {
    all.command(Service::Auth, &["grant-admin", &ana.email]);
    is_let_in(all, &ana.token).await;
    let leaked = json!({"reason": "compromised"});
    let began = Instant::now();
    post(all, "/v1/keys/rotate", &ana.token, &leaked).await;
    let took = everywhere(all, &ana.token, StatusCode::UNAUTHORIZED, began).await;
    let began = Instant::now();
    let renewed = renew(all, &ana.refresh_token).await.0;
    let back = everywhere(all, &renewed, StatusCode::OK, began).await;
    format!("leaked key:{took}\nrenewed after it:{back}")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_credential_ends_it_in_four_running_services_within_a_second() {
    let all = Processes::start().await;
    let ana = all.register("ana").await;
    let ended = what_its_owner_ends(&all, &ana).await;
    let role = another_role(&all, &ana).await;
    let suspended = a_suspended_account(&all).await;
    let leaked = a_leaked_key(&all, &ana).await;
    writeln!(
        std::io::stdout(),
        "measured: {ended}\n{role}{suspended}\n{leaked}"
    )
    .unwrap();
}

fn signed_by(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

/// How many reads were answered by tokens of each key.
type ReadsByKey = Mutex<BTreeMap<String, usize>>;

/// Reads from all services in turn, by a token that is renewed every now and then.
async fn reads(all: &Processes, account: Account, done: &ReadsByKey, stop: &CancellationToken) {
    let (mut token, mut refresh) = (account.token, account.refresh_token);
    let mut renewed = Instant::now();
    for (service, path) in READS.into_iter().cycle() {
        if stop.is_cancelled() {
            break;
        }
        match seen(all, service, path, &token).await {
            StatusCode::OK => {
                let mut done = done.lock().unwrap();
                *done.entry(signed_by(&token)).or_default() += 1;
            }
            // It is a load, and callers have limits: that is no refusal of a token.
            StatusCode::TOO_MANY_REQUESTS => sleep(Duration::from_millis(50)).await,
            other => panic!("{} refused a token: {other}", service.name()),
        }
        if renewed.elapsed() > Duration::from_millis(300) {
            (token, refresh) = renew(all, &refresh).await;
            renewed = Instant::now();
        }
    }
}

/// Waits until every reader has asked each service by tokens of that key.
async fn is_read_by(readers: &[ReadsByKey], key: &str) {
    let began = Instant::now();
    let has_read = |done: &ReadsByKey| {
        let done = done.lock().unwrap();
        done.get(key).is_some_and(|count| *count >= READS.len())
    };
    while !readers.iter().all(has_read) {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "no load: {readers:?}"
        );
        sleep(Duration::from_millis(20)).await;
    }
}

/// Changes the key, and waits until a token is signed by it.
async fn change_key(all: &Processes, admin: &mut Account) -> Duration {
    let before = signed_by(&admin.token);
    post(all, "/v1/keys/rotate", &admin.token, &json!({})).await;
    let began = Instant::now();
    while signed_by(&admin.token) == before {
        assert!(
            began.elapsed() < 20 * REVOCATION_TIMEOUT,
            "the new key never signs"
        );
        sleep(Duration::from_millis(40)).await;
        (admin.token, admin.refresh_token) = renew(all, &admin.refresh_token).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_takes_over_under_load_and_no_token_is_refused() {
    let all = Processes::start().await;
    let mut admin = all.register("admin").await;
    all.command(Service::Auth, &["grant-admin", &admin.email]);
    let words = ["ana", "bo", "cleo", "dan"];
    let accounts = join_all(words.map(|word| all.register(word))).await;
    let stop = CancellationToken::new();
    let done: Vec<ReadsByKey> = accounts.iter().map(|_| ReadsByKey::default()).collect();
    let readers = accounts.into_iter().zip(&done);
    let load = join_all(readers.map(|(account, done)| reads(&all, account, done, &stop)));
    let changes = async {
        let mut took = Vec::new();
        is_read_by(&done, &signed_by(&admin.token)).await;
        for _ in 0..3 {
            took.push(change_key(&all, &mut admin).await);
            is_read_by(&done, &signed_by(&admin.token)).await;
        }
        stop.cancel();
        took
    };
    let (_, took) = futures_util::join!(load, changes);
    let by_key = done.iter().map(|done| done.lock().unwrap().clone());
    let count: usize = by_key.flat_map(BTreeMap::into_values).sum();
    writeln!(
        std::io::stdout(),
        "measured: {count} requests, none refused; new keys signed after {took:.0?}"
    )
    .unwrap();
    // A machine with other work may hold up one of the changes.
    assert!(
        took.iter().any(|took| *took < REVOCATION_TIMEOUT),
        "{took:?}"
    );
}
