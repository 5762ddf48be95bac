//! Responses that several features share.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use shared_models::Page;

use crate::app::idempotency::Execution;

/// A JSON response that no cache may store.
#[derive(Debug)]
pub(crate) struct NoStore<T>(pub(crate) StatusCode, pub(crate) T);

impl<T: Serialize> IntoResponse for NoStore<T> {
    fn into_response(self) -> Response {
        without_caching((self.0, Json(self.1)).into_response())
    }
}

/// The response to a request with an `Idempotency-Key`.
impl<B: Serialize> IntoResponse for Execution<B> {
    fn into_response(self) -> Response {
        match self {
            Self::Executed { status, .. } if status == StatusCode::NO_CONTENT => {
                status.into_response()
            }
            Self::Executed { status, body } => NoStore(status, body).into_response(),
            Self::Replayed(replayed) => without_caching(replayed.into_response()),
        }
    }
}

/// The rows of a page as DTOs.
pub(crate) fn page_of<R, T: From<R>>(rows: Page<R>) -> Json<Page<T>> {
    Json(Page {
        items: rows.items.into_iter().map(T::from).collect(),
        next_cursor: rows.next_cursor,
    })
}

fn without_caching(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
