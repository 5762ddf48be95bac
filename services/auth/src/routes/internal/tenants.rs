//! Accounts by the UID of the resource that describes them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_models::CreatorId;
use shared_web::{ApiError, Body, Id, Query};
use uuid::Uuid;

use super::provisioning::{self, describe};
use super::wire::{Tenant, TenantList, TenantWish};
use crate::error::Error;
use crate::routes::answer::Confidential;
use crate::state::AppState;
use crate::store::tenants;

/// Most tenants of one list: each costs a transaction of its own.
const LIST_MAX: usize = 100;

/// Which tenants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// UIDs, separated by commas.
    uids: String,
}

/// Makes an account as its resource wants it, whatever it was before. Asked twice it does nothing
/// the second time; broken off anywhere it is mended by being asked again.
pub(crate) async fn put(
    State(app): State<AppState>,
    Id(uid): Id<Uuid>,
    Body(wish): Body<TenantWish>,
) -> Result<Confidential<Tenant>, Error> {
    let (status, tenant) = provisioning::provision(&app, uid, &wish).await?;
    Ok(Confidential(status, tenant))
}

/// One account, as it is.
pub(crate) async fn read(
    State(app): State<AppState>,
    Id(uid): Id<Uuid>,
) -> Result<Json<Tenant>, Error> {
    let creator = find(&app, uid).await?.ok_or_else(unknown)?;
    let mut tx = app.db.tenant_read(creator).await?;
    let tenant = describe(&mut tx, uid).await?.ok_or_else(unknown)?;
    Ok(Json(tenant))
}

/// Several accounts, as they are; those that nobody made are left out.
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(Wanted { uids }): Query<Wanted>,
) -> Result<Json<TenantList>, Error> {
    let uids: Result<Vec<Uuid>, _> = uids.split(',').map(str::parse).collect();
    let uids = uids.map_err(|_| refused("uids", "must be UUIDs, separated by commas"))?;
    if uids.len() > LIST_MAX {
        return Err(refused("uids", "must be at most 100"));
    }
    let mut before = app.db.system().await?;
    let found: BTreeMap<Uuid, CreatorId> = tenants::find(&mut before, &uids)
        .await?
        .into_iter()
        .collect();
    drop(before);
    let mut tenants = Vec::with_capacity(found.len());
    for (uid, creator) in found {
        let mut tx = app.db.tenant_read(creator).await?;
        tenants.extend(describe(&mut tx, uid).await?);
    }
    Ok(Json(TenantList { tenants }))
}

pub(super) async fn find(app: &AppState, uid: Uuid) -> Result<Option<CreatorId>, Error> {
    let mut before = app.db.system().await?;
    let found = tenants::find(&mut before, &[uid]).await?;
    Ok(found.first().map(|(_, creator)| *creator))
}

pub(super) fn unknown() -> Error {
    Error::Refused(ApiError::not_found("unknown_tenant").detail("no account has this UID"))
}

fn refused(field: &str, message: &str) -> Error {
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query");
    Error::Refused(error.field(field, message))
}
