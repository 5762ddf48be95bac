//! Somebody else's write, right before one of ours, so that the conflict is real.
//!
//! A 409 comes of it where our write names what it saw: a Secret is created, a volume too (it is
//! there already), keys are added to a Secret and objects are deleted (another resourceVersion).
//! A patch of finalizers finds another list, which is a 422, or no Tenant any more. What we apply
//! is forced: there a conflict over a field means that we take it back at once.

use http::request::Parts;
use http::{Method, Request, StatusCode};
use kube::client::Body;
use operator::client::Wire;
use serde_json::{Value, json};
use tower::{BoxError, ServiceExt};

const MERGE: &str = "application/merge-patch+json";
const JSON_PATCH: &str = "application/json-patch+json";

/// What the rival has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trace {
    /// Something that our write, or the next look, puts right.
    Ours,
    /// A finalizer of its own.
    Finalizer,
}

/// Writes the object of a write; none when there was nothing to write.
pub(super) async fn write(
    wire: &Wire,
    ours: &Parts,
    body: &[u8],
) -> Result<Option<Trace>, BoxError> {
    let kind = ours.headers.get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if ours.method == Method::POST {
        return Ok(send(wire, ours, kind, body).await?.then_some(Trace::Ours));
    }
    let (change, trace) = if kind == JSON_PATCH {
        finalizers(body)?
    } else if ours.uri.path().ends_with("/status") {
        let change = json!({"status": {"observedGeneration": 0}});
        (change, Trace::Ours)
    } else {
        let label = json!({"app.kubernetes.io/part-of": "rival"});
        (json!({"metadata": {"labels": label}}), Trace::Ours)
    };
    if merge(wire, ours, &change).await? {
        return Ok(Some(trace));
    }
    // It is not there yet, so the rival makes it: as a predecessor does that still runs.
    let made = ours.method == Method::PATCH && send(wire, ours, kind, body).await?;
    Ok(made.then_some(Trace::Ours))
}

/// Takes the rival's finalizer away again.
pub(super) async fn withdraw(wire: &Wire, ours: &Parts) -> Result<(), BoxError> {
    let none = json!({"metadata": {"finalizers": null}});
    merge(wire, ours, &none).await.map(drop)
}

/// Who adds a finalizer finds another one there, who removes theirs finds that a person was
/// faster: a Tenant that is being deleted takes no new finalizers.
fn finalizers(operations: &[u8]) -> Result<(Value, Trace), BoxError> {
    let operations: Vec<Value> = serde_json::from_slice(operations)?;
    let removes = operations.iter().any(|one| one["op"] == "remove");
    let (finalizers, trace) = if removes {
        (Value::Null, Trace::Ours)
    } else {
        (json!(["example.org/rival"]), Trace::Finalizer)
    };
    Ok((json!({"metadata": {"finalizers": finalizers}}), trace))
}

async fn merge(wire: &Wire, ours: &Parts, change: &Value) -> Result<bool, BoxError> {
    let mut rival = ours.clone();
    rival.method = Method::PATCH;
    send(wire, &rival, MERGE, change.to_string().as_bytes()).await
}

/// Sends it as another field manager; answers whether it was done.
async fn send(wire: &Wire, ours: &Parts, kind: &str, body: &[u8]) -> Result<bool, BoxError> {
    let path = ours.uri.path();
    let query = if kind.starts_with("application/apply-patch") {
        "fieldManager=rival&force=true"
    } else {
        "fieldManager=rival"
    };
    let origin = (ours.uri.scheme_str(), ours.uri.authority());
    let (Some(scheme), Some(authority)) = origin else {
        return Err(BoxError::from("an attempt without an address"));
    };
    let mut request = Request::builder()
        .method(ours.method.clone())
        .uri(format!("{scheme}://{authority}{path}?{query}"))
        .body(Body::from(body.to_vec()))?;
    *request.headers_mut() = ours.headers.clone();
    let headers = request.headers_mut();
    headers.insert("content-type", kind.parse()?);
    headers.insert("accept", "application/json".parse()?);
    headers.remove("content-length");
    let answer = wire.clone().oneshot(request).await?;
    let status = answer.status();
    if status.is_success() || status == StatusCode::NOT_FOUND {
        return Ok(status.is_success());
    }
    Err(BoxError::from(format!(
        "the rival's write of {path}: {status}"
    )))
}
