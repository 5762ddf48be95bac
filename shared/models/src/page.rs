//! Keyset pages: a cursor names the last row seen, so pages neither repeat nor skip.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Default number of rows per page.
pub const DEFAULT_LIMIT: i64 = 20;
/// Largest number of rows per page.
pub const MAX_LIMIT: i64 = 100;

/// One page of a list, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Pass as `cursor` to read the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows out of up to `limit + 1` rows that were read.
    pub fn of(mut rows: Vec<T>, limit: i64, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows
            .last()
            .filter(|_| more)
            .map(|row| Cursor(id(row)).encode());
        Self {
            items: rows,
            next_cursor,
        }
    }
}

/// Where the next page begins: ids are UUIDv7, so their order is the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor(pub Uuid);

impl Cursor {
    /// Encodes a cursor as opaque text.
    pub fn encode(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    /// Decodes what [`Cursor::encode`] returned.
    pub fn decode(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        Uuid::from_slice(&bytes).ok().map(Self)
    }
}

/// `limit` and `cursor` of a list request; the cursor's signature is not verified yet.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageRequest {
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The page request is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPage {
    /// `limit` is not within 1 to 100.
    #[error("limit must lie between 1 and 100")]
    Limit,
    /// `cursor` was not issued by this list.
    #[error("cursor is not one that this list returned")]
    Cursor,
}

impl PageRequest {
    /// The number of rows asked for.
    pub fn limit(&self) -> Result<i64, BadPage> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(limit),
            _ => Err(BadPage::Limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_its_last_row_only_when_more_follow() {
        let ids: Vec<Uuid> = (0..3).map(|_| Uuid::now_v7()).collect();
        let page = Page::of(ids.clone(), 2, |id| *id);
        assert_eq!(page.items, ids[..2]);
        assert_eq!(
            Cursor::decode(&page.next_cursor.unwrap()),
            Some(Cursor(ids[1]))
        );
        assert!(Page::of(ids, 3, |id| *id).next_cursor.is_none());
    }

    #[test]
    fn a_page_out_of_bounds_is_refused() {
        let request = |limit| PageRequest {
            limit,
            cursor: None,
        };
        assert_eq!(request(Some(0)).limit(), Err(BadPage::Limit));
        assert_eq!(request(Some(101)).limit(), Err(BadPage::Limit));
        assert_eq!(request(None).limit(), Ok(DEFAULT_LIMIT));
        assert_eq!(Cursor::decode("not-one"), None);
    }
}
