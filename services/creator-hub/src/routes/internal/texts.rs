//! The texts of documents, which ai-engine reads range by range.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared_models::limits::TEXT_WINDOW_BYTES;
use shared_web::{ServiceCall, called_by};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::app::texts;
use crate::domain::byte_range::ByteRange;
use crate::error::Error;
use crate::state::AppState;

/// Streams a range of a text. Each request reads a bounded range, so that no connection is held
/// while ai-engine embeds what it has read.
pub(crate) async fn read(
    State(app): State<AppState>,
    call: ServiceCall<called_by::AiEngine>,
    Path((document, hash)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let document = document.parse().map_err(|_| Error::UnknownText)?;
    let hash = hash.parse().map_err(|_| Error::UnknownText)?;
    let range = headers.get(header::RANGE);
    let range = range.and_then(|value| ByteRange::parse(value.to_str().ok()?));
    let range = range.ok_or(Error::BadRange)?;
    let text = texts::open(&app, call.tenant, document, hash, range.start).await?;
    let range = range
        .within(text.size, TEXT_WINDOW_BYTES)
        .ok_or(Error::BadRange)?;
    let content = text.content.take(range.end - range.start);
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
        (header::CONTENT_RANGE, range.content_range(text.size)),
        (
            header::CONTENT_LENGTH,
            (range.end - range.start).to_string(),
        ),
    ];
    let body = Body::from_stream(ReaderStream::new(content));
    Ok((StatusCode::PARTIAL_CONTENT, headers, body).into_response())
}
