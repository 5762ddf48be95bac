//! What the layer says itself, and what it repeats.

use bytes::Bytes;
use http::{Response, response};
use http_body_util::{BodyExt, Full};
use operator::client::Answer;
use serde_json::{Value, json};
use tower::BoxError;

use super::Busy;

/// An answer that can be given once more.
#[derive(Clone)]
pub(crate) struct Recorded {
    head: response::Parts,
    pub(super) body: Bytes,
}

impl Recorded {
    pub(super) async fn of(answer: Answer) -> Result<Self, BoxError> {
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Self { head, body })
    }

    pub(super) fn answer(self) -> Answer {
        Response::from_parts(self.head, whole(self.body))
    }
}

/// As priority and fairness refuse, or a server that is about to end.
pub(super) fn busy(busy: Busy) -> Answer {
    let reason = match busy.status {
        429 => "TooManyRequests",
        _ => "ServiceUnavailable",
    };
    let mut status = json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "the server is busy, try again later",
        "reason": reason,
        "code": busy.status,
    });
    let mut answer = Response::builder()
        .status(busy.status)
        .header("content-type", "application/json");
    if busy.retry_after {
        status["details"] = json!({"retryAfterSeconds": 1});
        answer = answer.header("retry-after", "1");
    }
    answer.body(whole(status.to_string().into())).unwrap()
}

/// The last line of a watch whose history the server has dropped.
pub(super) fn expired() -> Bytes {
    let event = json!({"type": "ERROR", "object": too_old()});
    format!("{event}\n").into()
}

/// The same, said instead of an answer.
pub(super) fn gone() -> Answer {
    Response::builder()
        .status(410)
        .header("content-type", "application/json")
        .body(whole(too_old().to_string().into()))
        .unwrap()
}

fn too_old() -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "too old resource version",
        "reason": "Expired",
        "code": 410,
    })
}

fn whole(body: Bytes) -> http_body_util::combinators::UnsyncBoxBody<Bytes, BoxError> {
    Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync()
}
