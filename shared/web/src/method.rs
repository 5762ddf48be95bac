//! Methods that no endpoint has: refused before anything else is done for them.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use shared_config::limits::{METHODS, OTHER_METHOD, method_name};

use crate::error::ApiError;

/// Answers 405 to a method outside of the platform's list. HTTP allows any token as a method, so
/// what is done for one would be done for as many as a caller invents.
pub async fn refuse_unknown(request: Request, next: Next) -> Response {
    if method_name(request.method().as_str()) != OTHER_METHOD {
        return next.run(request).await;
    }
    let refusal = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
        .detail("no endpoint of the platform has this method");
    let mut response = refusal.into_response();
    if let Ok(allowed) = HeaderValue::from_str(&METHODS.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}
