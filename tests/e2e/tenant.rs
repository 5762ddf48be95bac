//! An account that a resource describes: made, used, shut, opened, erased.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::{apply, get, kubectl, wait};
use crate::platform::{Api, condition, explain};

const GUIDE: &str = "# Ada\n\nAda advises to walk for half an hour after every lunch.\n";
const PASSWORD: &str = "Quiet-Harbour-72";
/// The policy that erases, in a namespace that the platform lets in by being its own.
const TENANT: &str = "
apiVersion: creatorplatform.io/v1alpha1
kind: Tenant
metadata: {name: ada}
spec:
  platformRef: {name: demo}
  displayName: Ada's Coaching
  owner: {email: ada@example.org, fullName: Ada Lovelace}
  deletionPolicy: Delete
";

/// Lives the whole life of a Tenant on a platform that is Ready.
pub(crate) async fn lives_and_is_erased(namespace: &str, base: &Api) {
    let applied = Instant::now();
    apply(namespace, TENANT);
    until(namespace, "Ready", |tenant| {
        condition(tenant, "Ready").is_some_and(|ready| ready["status"] == "True")
    });
    println!(
        "measured: a Tenant is Ready after {:.1} s",
        applied.elapsed().as_secs_f64()
    );
    let api = comes_in(namespace, base).await;
    let document = api.upload("ada.md", GUIDE).await;
    is_bounded(namespace, &api).await;
    is_shut_and_opened(namespace, &api).await;
    is_erased(namespace, &api, &document).await;
}

/// The owner takes the invitation out of its Secret and signs in.
async fn comes_in(namespace: &str, base: &Api) -> Api {
    let template = "{{.data.token | base64decode}}";
    let output = format!("go-template={template}");
    let token = kubectl(&["-n", namespace, "get", "secret", "ada-owner", "-o", &output]);
    let accept = json!({"token": token, "password": PASSWORD});
    let accepted = base
        .post("/auth/v1/owner-invitations/accept", &accept)
        .await;
    assert!(accepted.0.is_success(), "{accepted:?}");
    let api = base.signed_in("ada@example.org", PASSWORD).await;
    let (status, _) = api.get("/auth/v1/me").await.unwrap();
    assert_eq!(status.as_u16(), 200);
    api
}

/// A quota that is set below what is used refuses additions, and nothing else.
async fn is_bounded(namespace: &str, api: &Api) {
    patch(namespace, &json!({"spec": {"quotas": {"documents": 1}}}));
    let changed = Instant::now();
    loop {
        let (_, usage) = api.get("/auth/v1/usage").await.unwrap();
        let documents = json!({"name": "documents", "used": 1, "limit": 1,
            "state": "reached"});
        if usage["quotas"].as_array().unwrap().contains(&documents) {
            break;
        }
        assert!(changed.elapsed() < Duration::from_mins(1), "{usage}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let (status, answer) = api.try_file("More", "more.md", b"# More".to_vec()).await;
    assert_eq!(
        (status.as_u16(), &answer["code"]),
        (403, &json!("quota_exceeded"))
    );
    let (status, _) = api.get("/creator-hub/v1/documents").await.unwrap();
    assert_eq!(status.as_u16(), 200);
}

async fn is_shut_and_opened(namespace: &str, api: &Api) {
    suspend(namespace, true);
    let took = answers(api, 403).await;
    println!("measured: suspended in creator-hub {took:.2} s after kubectl patch");
    suspend(namespace, false);
    answers(api, 200).await;
}

/// Erasure waits for the id that confirms it, reports, and leaves nobody to sign in.
async fn is_erased(namespace: &str, api: &Api, document: &Value) {
    let id = get(namespace, &["tenant", "ada"])["status"]["creatorId"].clone();
    let name = ["-n", namespace, "delete", "tenant", "ada", "--wait=false"];
    kubectl(&name);
    until(namespace, "asked for a confirmation", |tenant| {
        condition(tenant, "Ready").is_some_and(|ready| ready["reason"] == "DeletionNotConfirmed")
    });
    let path = format!(
        "/creator-hub/v1/documents/{}",
        document["id"].as_str().unwrap()
    );
    let (status, _) = api.get(&path).await.unwrap();
    assert_eq!(status.as_u16(), 200, "nothing is erased unconfirmed");
    let confirmed = Instant::now();
    patch(namespace, &json!({"spec": {"confirmDeletion": id}}));
    let mut reported = 0;
    let gone = || {
        let tenant = get(namespace, &["tenant", "ada"]);
        let erased = tenant["status"]["erasure"]["erased"].as_array();
        reported = reported.max(erased.map_or(0, Vec::len));
        tenant.is_null()
    };
    wait(Duration::from_mins(2), gone, || explain(namespace));
    println!(
        "measured: erased {:.1} s after the confirmation, {reported} kinds reported",
        confirmed.elapsed().as_secs_f64()
    );
    assert!(reported > 3, "the status reported what was erased");
    let login = json!({"email": "ada@example.org", "password": PASSWORD});
    let (status, answer) = api.post("/auth/v1/login", &login).await;
    assert_eq!(status.as_u16(), 401, "{answer}");
}

fn suspend(namespace: &str, suspend: bool) {
    patch(namespace, &json!({"spec": {"suspend": suspend}}));
}

fn patch(namespace: &str, change: &Value) {
    let change = change.to_string();
    let words = ["-n", namespace, "patch", "tenant", "ada", "--type=merge"];
    kubectl(&[&words[..], &["-p", &change]].concat());
}

fn until(namespace: &str, what: &str, holds: impl Fn(&Value) -> bool) {
    let look = || get(namespace, &["tenant", "ada"]);
    let explain = || format!("{what}: {}", look());
    wait(Duration::from_mins(1), || holds(&look()), explain);
}

/// Waits until creator-hub answers the owner with that status, and gives the seconds.
async fn answers(api: &Api, wanted: u16) -> f64 {
    let began = Instant::now();
    loop {
        let (status, body) = api.get("/creator-hub/v1/documents").await.unwrap();
        if status.as_u16() == wanted {
            return began.elapsed().as_secs_f64();
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{status}: {body}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
