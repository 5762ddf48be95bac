//! An upload that stops is given up, and says so.

use std::future::pending;

use axum::response::IntoResponse as _;
use shared_web::ApiError;

use super::*;

#[tokio::test]
async fn an_upload_of_which_no_byte_comes_is_given_up() {
    let never = pending::<Result<(), MultipartError>>();
    let stalled = within(Duration::from_millis(5), never, 1)
        .await
        .unwrap_err();
    let error = ApiError::from(stalled);
    assert_eq!(error.code(), "upload_stalled");
    assert_eq!(error.into_response().status(), StatusCode::REQUEST_TIMEOUT);
}
