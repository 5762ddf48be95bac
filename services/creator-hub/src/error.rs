//! The errors of this service and the status of each.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_ai_client::AiError;
use shared_blobs::BlobError;
use shared_config::Service;
use shared_document::ReadFailure;
use shared_models::limits::QA_PAIRS;
use shared_models::page::BadPage;
use shared_models::{DocumentId, QaPairId, SiteId};
use shared_quota::ChargeError;
use shared_web::ApiError;

use crate::domain::document::ACCEPTED_EXTENSIONS;
use crate::domain::qa::table::RowError;
use crate::domain::site::MAX_SITES;
use crate::files;

/// When to try again while another comparison is in progress.
const COMPARISON_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Why a request about sites was refused.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum SiteError {
    /// No such site, or another tenant's.
    #[error("unknown site")]
    Unknown,
    /// A site with the same address exists.
    #[error("the address is there as site {0}")]
    Duplicate(SiteId),
    /// The account has as many sites as it may.
    #[error("too many sites")]
    TooMany,
}

impl From<SiteError> for ApiError {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::Unknown => Self::not_found("unknown_site"),
            SiteError::Duplicate(id) => Self::conflict("duplicate_site")
                .detail(format!("this address is already there as site {id}")),
            SiteError::TooMany => Self::conflict("too_many_sites")
                .detail(format!("an account may have {MAX_SITES} sites; delete one")),
        }
    }
}

/// Why a request about question-and-answer pairs was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum QaError {
    /// No such pair, or another tenant's.
    #[error("unknown pair")]
    Unknown,
    /// Another pair has one of the questions.
    #[error("pair {0} has the question")]
    Duplicate(QaPairId),
    /// The account has as many pairs as it may, or would have more.
    #[error("too many pairs")]
    TooMany,
    /// Rows of a table are wrong.
    #[error("{} rows of the table are wrong", .0.len())]
    BadRows(Vec<RowError>),
}

impl From<QaError> for ApiError {
    fn from(error: QaError) -> Self {
        match error {
            QaError::Unknown => Self::not_found("unknown_qa_pair"),
            QaError::Duplicate(id) => Self::conflict("duplicate_question").detail(format!(
                "pair {id} has one of these questions; change that pair"
            )),
            QaError::TooMany => Self::conflict("too_many_qa_pairs")
                .detail(format!("an account may have {QA_PAIRS} pairs; delete some")),
            QaError::BadRows(rows) => {
                let refused = Self::unprocessable("invalid_csv")
                    .detail("nothing was imported; correct the rows and import the file again");
                rows.into_iter().fold(refused, |refused, error| {
                    refused.field(format!("row {}", error.row), error.message)
                })
            }
        }
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such document, or another tenant's.
    #[error("unknown document")]
    UnknownDocument,
    /// The document has no text with that hash, or is another tenant's.
    #[error("unknown text")]
    UnknownText,
    /// The range begins behind the end of the text, or is no range.
    #[error("the range is not one of the text")]
    BadRange,
    /// No such job, or another tenant's.
    #[error("unknown job")]
    UnknownJob,
    /// A request about sites was refused.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// A request about question-and-answer pairs was refused.
    #[error(transparent)]
    Qa(#[from] QaError),
    /// A document with the same content exists.
    #[error("the content is there as document {0}")]
    Duplicate(DocumentId),
    /// No such collection, or another tenant's.
    #[error("unknown collection")]
    UnknownCollection,
    /// Another collection has the name.
    #[error("a collection has this name already")]
    CollectionExists,
    /// The account has as many collections as it may.
    #[error("too many collections")]
    TooManyCollections,
    /// The document is in as many collections as it may be.
    #[error("the document is in too many collections")]
    TooManyCollectionsOfDocument,
    /// The document has no such version, or it is no longer kept.
    #[error("unknown version")]
    UnknownVersion,
    /// The version is the document's file already.
    #[error("the version is the current one")]
    CurrentVersion,
    /// The file of that version cannot be read, so its text cannot be compared.
    #[error("version {number} cannot be read: {}", .failure.as_str())]
    Unreadable { number: i32, failure: ReadFailure },
    /// A text is too long to be compared.
    #[error("the text is too long to be compared")]
    TooLargeToCompare,
    /// This process compares as many texts as it may.
    #[error("too many comparisons at once")]
    Busy,
    /// The texts could not be compared.
    #[error("the comparison failed")]
    ComparisonFailed,
    /// The document is being processed.
    #[error("the document is being processed")]
    AlreadyProcessing,
    /// The entity tag names an older version.
    #[error("the entity tag is not the current one")]
    Outdated,
    /// A quota of the account does not allow it.
    #[error(transparent)]
    Quota(#[from] ChargeError),
    /// `If-Match` is missing.
    #[error("If-Match is missing")]
    NoPrecondition,
    /// The body is not a multipart form.
    #[error("not a multipart form")]
    NotAForm,
    /// The form is truncated or malformed.
    #[error("the form cannot be read: {0}")]
    MalformedForm(String),
    /// No bytes arrived for too long.
    #[error("the upload stalled")]
    Stalled,
    /// The file is not text of an accepted kind.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// The file is larger than this many bytes.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// The file has no bytes.
    #[error("the file is empty")]
    EmptyFile,
    /// A field of the form or of the query is wrong.
    #[error("{0} {1}")]
    Field(&'static str, String),
    /// The page request is out of bounds.
    #[error(transparent)]
    Page(#[from] BadPage),
    /// The file store failed.
    #[error("the file store: {0}")]
    Files(#[from] BlobError),
    /// ai-engine failed.
    #[error(transparent)]
    Ai(#[from] AiError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// The caller was refused.
    #[error("the caller was refused: {0:?}")]
    Caller(ApiError),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Caller(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownDocument => Self::not_found("unknown_document"),
            Error::UnknownText => Self::not_found("unknown_text"),
            Error::BadRange => Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "bad_range"),
            Error::UnknownJob => Self::not_found("unknown_job"),
            Error::Site(cause) => cause.into(),
            Error::Qa(cause) => cause.into(),
            Error::Duplicate(id) => Self::conflict("duplicate_document")
                .detail(format!("this content is already there as document {id}")),
            Error::UnknownCollection => Self::not_found("unknown_collection"),
            Error::CollectionExists => Self::conflict("collection_exists")
                .detail("another collection has this name; choose another one"),
            Error::TooManyCollections => Self::conflict("too_many_collections")
                .detail("this account has the maximum number of collections; delete one"),
            Error::TooManyCollectionsOfDocument => Self::conflict("too_many_collections")
                .detail("the document is in the maximum number of collections; remove it from one"),
            Error::UnknownVersion => Self::not_found("unknown_version"),
            Error::CurrentVersion => Self::conflict("current_version")
                .detail("this version is the document's file already"),
            Error::Unreadable { number, failure } => Self::unprocessable("version_unreadable")
                .detail(format!("version {number}: {}", failure.reason())),
            Error::TooLargeToCompare => Self::unprocessable("too_large_to_compare")
                .detail("the text of a version is too long to be compared; download both files"),
            Error::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded")
                .detail("another comparison is in progress; try again shortly")
                .retry_after(COMPARISON_RETRY_DELAY),
            Error::ComparisonFailed => Self::internal("a comparison of texts failed"),
            Error::AlreadyProcessing => Self::conflict("already_processing")
                .detail("the document is being processed; wait until it is ready or failed"),
            Error::Outdated => Self::precondition_failed(),
            Error::Quota(error) => error.into(),
            Error::NoPrecondition => Self::precondition_required(),
            Error::NotAForm => unsupported().detail("send the body as multipart/form-data"),
            Error::UnsupportedMediaType => {
                unsupported().detail(format!("accepted are {ACCEPTED_EXTENSIONS}"))
            }
            Error::MalformedForm(cause) => Self::bad_request("malformed_form").detail(cause),
            Error::Stalled => Self::new(StatusCode::REQUEST_TIMEOUT, "upload_stalled"),
            Error::TooLarge(bytes) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large")
                .detail(format!("a file may have at most {bytes} bytes")),
            Error::EmptyFile => {
                Self::unprocessable("empty_file").field("file", "must not be empty")
            }
            Error::Field(field, message) => {
                Self::unprocessable("invalid_fields").field(field, message)
            }
            Error::Page(cause) => Self::unprocessable("invalid_query").detail(cause.to_string()),
            Error::Files(cause) => Self::unavailable(files::NAME, cause),
            Error::Ai(cause) => {
                let name = cause.dependency().unwrap_or(Service::AiEngine.name());
                let name = name.to_owned();
                Self::unavailable(&name, cause)
            }
            Error::Database(cause) => cause.into(),
            Error::Caller(error) => error,
        }
    }
}

fn unsupported() -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
