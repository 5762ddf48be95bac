//! Question-and-answer pairs as a CSV: import and export.

use axum::extract::State;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_web::{
    ApiError, Created, IdempotencyHeader, IdempotencyKey, Once, Permit, Problem, permit,
};
use utoipa::ToSchema;

use crate::app::qa_pairs::{self, Imported};
use crate::domain::download;
use crate::error::Error;
use crate::routes::upload;
use crate::state::AppState;

/// Largest table, bytes.
const MAX_TABLE: u64 = 10 * 1024 * 1024;
/// Largest form: the table and what is around it.
pub(in crate::routes) const MAX_BODY: usize = 10 * 1024 * 1024 + 256 * 1024;

/// The fields of the form.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(
    dead_code,
    reason = "it describes the form; the fields are read one by one"
)]
pub(crate) struct QaTable {
    /// A CSV of at most 10 MiB, in whatever usual encoding, with commas, semicolons, tabs or
    /// vertical bars. Its first row names the columns: `question` and `answer`, and if you like
    /// `other_questions`, `visibility` and `collections`. A cell of other questions or of names of
    /// collections has one a line.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What an import has changed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QaImport {
    /// New pairs.
    created: usize,
    /// Pairs that were changed.
    updated: usize,
    /// Pairs that were there as they are in the file.
    unchanged: usize,
}

/// Import question-and-answer pairs: all rows of the file or, if one is wrong, none. A row with a
/// question that a pair has already updates that pair, so importing a file again changes nothing.
#[utoipa::path(
    post, path = "/qa-pairs/import", tag = "qa-pairs", security(("bearer" = [])),
    params(IdempotencyHeader),
    request_body(content = QaTable, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = QaImport,
         headers(("Location" = String, description = "The pairs"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 408, description = "upload_stalled", body = Problem),
        (status = 409, description = "too_many_qa_pairs or request_in_progress", body = Problem),
        (status = 413, description = "body_too_large or file_too_large", body = Problem),
        (status = 415, description = "unsupported_media_type", body = Problem),
        (status = 422, description = "invalid_csv, which names the rows; invalid_fields or \
            idempotency_key_reused", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn import_qa_pairs(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    key: IdempotencyKey,
    headers: HeaderMap,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Once<QaImport>, Error> {
    let bytes = upload::received_bytes(&headers, multipart, MAX_TABLE).await?;
    let request = key.of(&[&bytes]);
    let rows = shared_extract::read_csv(&bytes);
    let rows = rows.ok_or_else(|| Error::Field("file", "must be a CSV".to_owned()))?;
    let respond = |imported| Created {
        status: StatusCode::OK,
        location: format!("{}/v1/qa-pairs", Service::CreatorHub.prefix()),
        body: QaImport::from(imported),
    };
    qa_pairs::import(&app, caller.tenant, &rows, &request, respond).await
}

impl From<Imported> for QaImport {
    fn from(imported: Imported) -> Self {
        let Imported {
            created,
            updated,
            unchanged,
        } = imported;
        Self {
            created,
            updated,
            unchanged,
        }
    }
}

/// Export all question-and-answer pairs as a CSV in UTF-8 that can be imported again.
#[utoipa::path(
    get, path = "/qa-pairs/export", tag = "qa-pairs", security(("bearer" = [])),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 401, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn export_qa_pairs(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
) -> Result<Response, Error> {
    let rows = qa_pairs::export(&app, caller.tenant).await?;
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(ApiError::internal)?;
    }
    let table = writer
        .into_inner()
        .map_err(|error| ApiError::internal(error.into_error()))?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, download::saved("qa-pairs.csv")),
    ];
    Ok((headers, table).into_response())
}
