//! Pages of a list. Cursors are signed: one is valid only for its tenant, list and filters.

use axum::extract::{FromRef, FromRequestParts, MatchedPath, Query};
use axum::http::Uri;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use shared_auth::TokenVerifier;
use shared_models::page::BadPage;
use shared_models::{Cursor, Page, PageRequest};
use uuid::Uuid;

use crate::auth::Caller;
use crate::error::ApiError;

/// Bytes of a cursor's signature.
const SIGNATURE_LENGTH: usize = 16;

/// Signs the cursors of one list of one tenant.
#[derive(Debug, Clone)]
pub struct Paging(Hmac<Sha256>);

/// The position and size of a page.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// Rows of the page; read one more to know whether another page follows.
    pub limit: i64,
    /// The row after which the page begins.
    pub after: Option<Uuid>,
}

impl Paging {
    /// The window that a request asks for.
    pub fn window(&self, request: &PageRequest) -> Result<Window, BadPage> {
        let limit = request.limit()?;
        // Only a cursor with our signature is decoded.
        let after = match &request.cursor {
            None => None,
            Some(signed) => {
                let cursor = self.verify(signed).and_then(Cursor::decode);
                Some(cursor.ok_or(BadPage::Cursor)?.0)
            }
        };
        Ok(Window { limit, after })
    }

    /// Makes the page out of up to `limit + 1` rows that were read.
    pub fn page<T>(&self, rows: Vec<T>, window: Window, id: impl Fn(&T) -> Uuid) -> Page<T> {
        let mut page = Page::of(rows, window.limit, id);
        page.next_cursor = page.next_cursor.map(|cursor| self.sign(&cursor));
        page
    }

    fn sign(&self, cursor: &str) -> String {
        let mut signer = self.0.clone();
        signer.update(cursor.as_bytes());
        let signature = signer.finalize().into_bytes();
        let text = BASE64_URL_SAFE_NO_PAD.encode(&signature[..SIGNATURE_LENGTH]);
        format!("{cursor}.{text}")
    }

    /// The cursor within a signed one.
    fn verify<'a>(&self, signed: &'a str) -> Option<&'a str> {
        let (cursor, signature) = signed.split_once('.')?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?;
        let mut mac = self.0.clone();
        mac.update(cursor.as_bytes());
        let right =
            signature.len() == SIGNATURE_LENGTH && mac.verify_truncated_left(&signature).is_ok();
        right.then_some(cursor)
    }
}

impl<S> FromRequestParts<S> for Paging
where
    S: Send + Sync,
    TokenVerifier: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map(|path| path.as_str().to_owned())
            .unwrap_or_default();
        let mut signer = TokenVerifier::from_ref(state)
            .signer()
            .derive_key("cursor")?;
        signer.update(caller.tenant.as_uuid().as_bytes());
        for part in [&route, parts.uri.path(), &filter(&parts.uri)?] {
            signer.update(&(part.len() as u64).to_be_bytes());
            signer.update(part.as_bytes());
        }
        Ok(Self(signer))
    }
}

/// The filters of the list: all query parameters but the page's, in canonical order.
fn filter(uri: &Uri) -> Result<String, ApiError> {
    let asked = Query::<Vec<(String, String)>>::try_from_uri(uri);
    let Query(mut asked) = asked.map_err(|_| ApiError::unprocessable("invalid_query"))?;
    asked.retain(|(name, _)| !matches!(&**name, "cursor" | "limit"));
    asked.sort();
    serde_json::to_string(&asked).map_err(ApiError::internal)
}
