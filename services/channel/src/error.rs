//! What can go wrong here, in words of the domain, and the status of each.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_models::page::BadPage;
use shared_web::ApiError;

use crate::domain::visitor_token::BadToken;
use crate::live::sockets::Cap;

/// When another try to connect makes sense, after too many sockets were live.
const SOCKET_FREED: Duration = Duration::from_secs(10);

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such channel, or another tenant's.
    #[error("no such channel")]
    UnknownChannel,
    /// No such conversation, or another tenant's.
    #[error("no such conversation")]
    UnknownConversation,
    /// The tenant has as many channels as it may.
    #[error("too many channels")]
    TooManyChannels,
    /// The page may not embed the widget, or there is no such widget; the two look the same.
    #[error("origin not allowed")]
    OriginNotAllowed,
    /// A widget would be embedded where the account may not.
    #[error("origin outside of the account's")]
    OriginOutside(String),
    /// The account is shut.
    #[error("the account is suspended")]
    TenantSuspended,
    /// A widget's token is not good.
    #[error("session token: {0}")]
    Session(BadToken),
    /// The token that remembers a visitor is not good.
    #[error("visitor token: {0}")]
    Visitor(BadToken),
    /// No widget token at all.
    #[error("no session token")]
    NoSession,
    /// A page out of bounds.
    #[error(transparent)]
    Page(#[from] BadPage),
    /// Too many.
    #[error("too many requests")]
    RateLimited(Duration),
    /// As many sockets are live as there may be.
    #[error("too many sockets of one {}", .0.as_str())]
    TooManySockets(Cap),
    /// A page that is not served here.
    #[error("no such page")]
    NoPage,
    /// Redis.
    #[error(transparent)]
    Cache(redis::RedisError),
    /// PostgreSQL.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A token could not be signed.
    #[error(transparent)]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// Refused by a shared rule.
    #[error("refused")]
    Api(ApiError),
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownChannel => Self::not_found("unknown_channel"),
            Error::UnknownConversation => Self::not_found("unknown_conversation"),
            Error::TooManyChannels => Self::conflict("too_many_channels")
                .detail("delete a channel that is no longer used first"),
            Error::OriginNotAllowed => Self::forbidden("origin_not_allowed")
                .detail("no widget with this id may be embedded by this page"),
            Error::OriginOutside(origin) => Self::unprocessable("invalid_fields").field(
                "widget.allowed_origins",
                format!("{origin} is not among the origins that this account may use"),
            ),
            Error::TenantSuspended => {
                Self::forbidden("tenant_suspended").detail("this account is suspended")
            }
            Error::Session(BadToken::Expired) => Self::unauthorized("expired_token")
                .detail("the session has ended; ask for a new one"),
            Error::Session(BadToken::Invalid) => Self::unauthorized("invalid_token")
                .detail("the token is not one of this widget and page"),
            Error::Visitor(_) => Self::unauthorized("invalid_visitor_token")
                .detail("ask again without visitor_token to begin as a new visitor"),
            Error::NoSession => Self::unauthorized("missing_token")
                .detail("send Authorization: Bearer with the session's token"),
            Error::Page(cause @ BadPage::Limit) => {
                Self::unprocessable("invalid_query").field("limit", cause.to_string())
            }
            Error::Page(cause @ BadPage::Cursor) => {
                Self::unprocessable("invalid_query").field("cursor", cause.to_string())
            }
            Error::RateLimited(wait) => Self::too_many(wait),
            Error::TooManySockets(cap) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_sockets")
                    .detail(format!(
                        "this {} has as many live connections as it may; close one, or try again \
                         later",
                        cap.as_str()
                    ))
                    .retry_after(SOCKET_FREED)
            }
            Error::NoPage => Self::not_found("unknown_path").detail("no endpoint has this path"),
            Error::Cache(cause) => Self::unavailable("redis", cause),
            Error::Database(cause) => cause.into(),
            Error::Signing(cause) => Self::internal(cause),
            Error::Api(error) => error,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}
