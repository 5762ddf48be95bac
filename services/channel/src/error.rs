//! Errors of this service and the problem document of each.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use shared_config::Service;
use shared_hub_client::HubError;
use shared_models::page::BadPage;
use shared_quota::ChargeError;
use shared_web::ApiError;

use crate::domain::socket_caps::Cap;
use crate::domain::visitor_token::BadToken;

/// When a client may try again after too many sockets were open.
const SOCKET_RETRY_BACKOFF: Duration = Duration::from_secs(10);

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The channel does not exist or belongs to another tenant.
    #[error("no such channel")]
    UnknownChannel,
    /// The conversation does not exist or belongs to another tenant.
    #[error("no such conversation")]
    UnknownConversation,
    /// A person handles the conversation, or it is closed.
    #[error("the conversation does not wait for a person")]
    NotWaiting,
    /// A quota of the account does not allow it.
    #[error(transparent)]
    Quota(#[from] ChargeError),
    /// The document does not exist, or visitors of this channel may not open its original.
    #[error("no such document")]
    UnknownDocument,
    /// creator-hub failed.
    #[error(transparent)]
    Hub(#[from] HubError),
    #[error("too many channels")]
    TooManyChannels,
    /// The page may not embed the widget, or the widget does not exist: callers cannot tell.
    #[error("origin not allowed")]
    OriginNotAllowed,
    /// The account may not use this origin.
    #[error("the account may not use the origin {0}")]
    OriginOutside(String),
    #[error("the account is suspended")]
    TenantSuspended,
    #[error("session token: {0}")]
    Session(BadToken),
    #[error("visitor token: {0}")]
    Visitor(BadToken),
    #[error("no session token")]
    NoSession,
    #[error(transparent)]
    Page(#[from] BadPage),
    #[error("too many requests; retry after {0:?}")]
    RateLimited(Duration),
    #[error("too many open sockets per {}", .0.as_str())]
    TooManySockets(Cap),
    #[error("no such page")]
    NoPage,
    #[error(transparent)]
    Cache(redis::RedisError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A visitor's token could not be signed.
    #[error(transparent)]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// A problem that `shared_web` has described.
    #[error("request refused")]
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
            Error::NotWaiting => Self::new(StatusCode::CONFLICT, "not_waiting")
                .detail("a person handles the conversation, or it is closed"),
            Error::Quota(error) => error.into(),
            Error::UnknownDocument => Self::not_found("unknown_document"),
            Error::Hub(cause) => {
                let name = cause.dependency().unwrap_or(Service::CreatorHub.name());
                let name = name.to_owned();
                Self::unavailable(&name, cause)
            }
            Error::TooManyChannels => {
                Self::conflict("too_many_channels").detail("delete an unused channel first")
            }
            Error::OriginNotAllowed => Self::forbidden("origin_not_allowed")
                .detail("no widget with this id may be embedded by this page"),
            Error::OriginOutside(origin) => Self::unprocessable("invalid_fields").field(
                "widget.allowed_origins",
                format!("this account may not use the origin {origin}"),
            ),
            Error::TenantSuspended => {
                Self::forbidden("tenant_suspended").detail("this account is suspended")
            }
            Error::Session(BadToken::Expired) => Self::unauthorized("expired_token")
                .detail("the session has ended; request a new one"),
            Error::Session(BadToken::Invalid) => Self::unauthorized("invalid_token")
                .detail("the token was not issued for this widget and page"),
            Error::Visitor(_) => Self::unauthorized("invalid_visitor_token")
                .detail("omit visitor_token to start as a new visitor"),
            Error::NoSession => Self::unauthorized("missing_token")
                .detail("send the session token as Authorization: Bearer"),
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
                        "this {} has too many open connections; close one or try again later",
                        cap.as_str()
                    ))
                    .retry_after(SOCKET_RETRY_BACKOFF)
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
