//! Ends responses that go on for longer than the right of their caller.

use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use shared_auth::{CredentialLifetime, Identity, TokenVerifier};

/// The media type of server-sent events.
const EVENT_STREAM: &str = "text/event-stream";

/// Where the extractor of the caller leaves when the credential of a request ends.
#[derive(Debug, Clone, Default)]
struct CallerLifetime(Arc<OnceLock<CredentialLifetime>>);

/// Says whose right a response needs. Called by every extractor of a caller.
pub(crate) fn bind(parts: &Parts, verifier: &TokenVerifier, caller: &Identity) {
    if let Some(CallerLifetime(slot)) = parts.extensions.get() {
        slot.get_or_init(|| verifier.ending(caller));
    }
}

/// Ends the response to a verified caller with the caller's right. A stream of events ends when the
/// credential is revoked or expires, between two events: its client connects again, with a new
/// token. Anything else is a file or a copy of bounded length, for which an access token may be too
/// short: it ends early at a revocation only, and with an error, so that no client takes the part
/// for the whole.
pub(crate) async fn end_with_credential(mut request: Request, next: Next) -> Response {
    let caller = CallerLifetime::default();
    request.extensions_mut().insert(caller.clone());
    let response = next.run(request).await;
    let is_complete = response.body().size_hint().exact().is_some();
    match caller.0.get() {
        Some(ending) if !is_complete => cut(response, ending.clone()),
        _ => response,
    }
}

fn cut(response: Response, ending: CredentialLifetime) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_events = kind.is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM.as_bytes()));
    response.map(|body| {
        let content = body.into_data_stream().boxed();
        if is_events {
            let end = Box::pin(async move {
                let end = ending.ended().await;
                tracing::debug!(?end, "event stream ended with the credential of its caller");
            });
            return Body::from_stream(content.take_until(end));
        }
        let end = Box::pin(async move { ending.revoked().await });
        Body::from_stream(ended_early(content, end))
    })
}

/// The content up to the end of the right, and an error if that comes first.
fn ended_early(
    content: BoxStream<'static, Result<Bytes, axum::Error>>,
    revoked: impl Future<Output = ()> + Send + Unpin + 'static,
) -> impl stream::Stream<Item = Result<Bytes, axum::Error>> + Send {
    stream::unfold(Some((content, revoked)), |state| async move {
        let (mut content, mut revoked) = state?;
        tokio::select! {
            biased;
            () = &mut revoked => {
                tracing::debug!("response ended early: the credential of its caller was revoked");
                Some((Err(axum::Error::new(CredentialRevoked)), None))
            }
            next = content.next() => next.map(|piece| (piece, Some((content, revoked)))),
        }
    })
}

/// The reason of a response that ends early.
#[derive(Debug, thiserror::Error)]
#[error("the credential of the caller was revoked")]
struct CredentialRevoked;
