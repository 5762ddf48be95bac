//! Erases the account of a resource, and says how far that is.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared_models::{CreatorId, RowCounts};
use shared_web::{ApiError, Id, Query};
use uuid::Uuid;

use super::tenants::{find, unknown};
use crate::error::Error;
use crate::privacy;
use crate::state::AppState;

/// Which account is meant, beside the resource's UID.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    confirm: CreatorId,
}

/// How far an erasure is, as the status of a resource says it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Erasure {
    state: &'static str,
    erased: Vec<Erased>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// A kind of data, and how much of it was erased.
#[derive(Debug, Serialize)]
struct Erased {
    what: String,
    count: u64,
}

/// Erases an account. Asked again it says how far that is, also when the account is gone.
pub(crate) async fn erase(
    State(app): State<AppState>,
    Id(uid): Id<Uuid>,
    Query(Confirmation { confirm }): Query<Confirmation>,
) -> Result<Json<Erasure>, Error> {
    match find(&app, uid).await? {
        Some(creator) if creator == confirm => {
            privacy::erase_tenant(&app, creator).await?;
        }
        Some(_) => {
            let refused = ApiError::unprocessable("invalid_query");
            return Err(refused.field("confirm", "is another account's id").into());
        }
        None => {}
    }
    let erasure = privacy::erasure(&app, confirm).await?;
    Ok(Json(erasure.ok_or_else(unknown)?.into()))
}

impl From<privacy::Erasure> for Erasure {
    fn from(erasure: privacy::Erasure) -> Self {
        let mut all = RowCounts::default();
        for part in erasure.progress.values() {
            all.add(&part.counts);
        }
        let erased = |(what, count): (&str, u64)| Erased {
            what: what.to_owned(),
            count,
        };
        let waits = erasure.progress.values().find_map(|p| p.waits_for.as_ref());
        Self {
            state: if erasure.finished_at.is_some() {
                "finished"
            } else {
                "running"
            },
            erased: all.kinds().filter(|(_, n)| *n > 0).map(erased).collect(),
            finished_at: erasure.finished_at.map(|time| time.to_string()),
            problem: waits.map(|name| format!("{name} is not available; it is tried again")),
        }
    }
}
