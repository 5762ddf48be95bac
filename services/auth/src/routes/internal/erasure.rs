//! Erasure of the account of a deleted resource.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared_models::{CreatorId, RowCounts};
use shared_web::{Id, Query};
use uuid::Uuid;

use crate::app::{privacy, tenants};
use crate::error::Error;
use crate::state::AppState;

/// The id of the account, which protects against a wrong UID.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    confirm: CreatorId,
}

/// The progress of an erasure, in the format of the resource status.
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

/// Erased records of one kind.
#[derive(Debug, Serialize)]
struct Erased {
    what: String,
    count: u64,
}

/// Starts the erasure of an account, or returns its progress, also after the account is gone.
pub(crate) async fn erase(
    State(app): State<AppState>,
    Id(uid): Id<Uuid>,
    Query(Confirmation { confirm }): Query<Confirmation>,
) -> Result<Json<Erasure>, Error> {
    let erasure = tenants::erase(&app, uid, confirm).await?;
    Ok(Json(erasure.into()))
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
        let waits_for = erasure
            .progress
            .values()
            .find_map(|part| part.waits_for.as_ref());
        Self {
            state: if erasure.finished_at.is_some() {
                "finished"
            } else {
                "running"
            },
            erased: all.kinds().filter(|(_, n)| *n > 0).map(erased).collect(),
            finished_at: erasure.finished_at.map(|time| time.to_string()),
            problem: waits_for.map(|name| format!("{name} is unavailable; retrying")),
        }
    }
}
