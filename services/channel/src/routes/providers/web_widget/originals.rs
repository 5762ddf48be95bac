//! Originals of documents, opened by links of the widget.

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared_models::{ChannelId, DocumentId};
use shared_web::{ClientIp, Id, Problem};

use crate::app::providers::web_widget::originals;
use crate::error::Error;
use crate::state::AppState;

/// Open the original of a public document. A link opens it, so it needs no session and no page:
/// what is public may be read by everybody who knows the ids.
#[utoipa::path(get, path = "/widget/{channel_id}/documents/{document_id}/file", tag = "widget",
    params(("channel_id" = ChannelId, Path), ("document_id" = DocumentId, Path)),
    responses(
        (status = 200, description = "The file; a browser shows a PDF and saves all others",
         content((Vec<u8> = "application/octet-stream"), (Vec<u8> = "application/pdf"))),
        (status = 400, body = Problem),
        (status = 404, description = "unknown_document", body = Problem),
        (status = 429, body = Problem),
        (status = 503, body = Problem)))]
pub(crate) async fn open_original(
    State(app): State<AppState>,
    address: ClientIp,
    Id((channel, document)): Id<(ChannelId, DocumentId)>,
) -> Result<Response, Error> {
    let original = originals::open(&app, channel, document, address.network()).await?;
    let body = Body::from_stream(original.content);
    Ok((original.headers, body).into_response())
}
