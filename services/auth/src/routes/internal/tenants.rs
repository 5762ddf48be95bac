//! Accounts by the UID of the Tenant resource that describes them.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::CreatorId;
use shared_quota::Quotas;
use shared_web::{ApiError, Body, Id, Query};
use uuid::Uuid;

use crate::app::tenants::{self, OpenInvitation, TenantRow};
use crate::domain::tenant::{DesiredTenant, TenantUsage};
use crate::error::Error;
use crate::routes::response::NoStore;
use crate::state::AppState;

/// Tenants per list: each needs a transaction of its own.
const MAX_LIST_LENGTH: usize = 100;

/// The tenants to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// UIDs, separated by commas.
    uids: String,
}

/// The current state of an account.
#[derive(Debug, Serialize)]
pub(crate) struct Tenant {
    uid: Uuid,
    creator_id: CreatorId,
    provisioned_at: Timestamp,
    observed: Observed,
    /// Whether the owner has set a password.
    owner_accepted: bool,
    /// Present if it was requested and is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
    usage: Usage,
}

/// The stored settings.
#[derive(Debug, Serialize)]
struct Observed {
    display_name: String,
    plan: Option<String>,
    quotas: Option<Quotas>,
    allowed_origins: Vec<String>,
    suspended: bool,
    resource: Option<String>,
}

/// The invitation of the owner.
#[derive(Debug, Serialize)]
struct Invitation {
    token: String,
    expires_at: Timestamp,
}

/// What the account uses.
#[derive(Debug, Serialize)]
struct Usage {
    documents: u64,
    messages_this_month: u64,
    storage_bytes: u64,
    channels: u64,
    members: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct TenantList {
    tenants: Vec<Tenant>,
}

impl From<tenants::Tenant> for Tenant {
    fn from(tenant: tenants::Tenant) -> Self {
        Self {
            uid: tenant.uid,
            creator_id: tenant.creator,
            provisioned_at: tenant.settings.created_at,
            observed: tenant.settings.into(),
            owner_accepted: tenant.owner_accepted,
            invitation: tenant.invitation.map(Invitation::from),
            usage: tenant.usage.into(),
        }
    }
}

impl From<TenantRow> for Observed {
    fn from(row: TenantRow) -> Self {
        Self {
            display_name: row.display_name,
            plan: row.plan,
            quotas: row.quotas,
            allowed_origins: row.allowed_origins,
            suspended: row.suspended,
            resource: row.resource,
        }
    }
}

impl From<OpenInvitation> for Invitation {
    fn from(invitation: OpenInvitation) -> Self {
        Self {
            token: invitation.token,
            expires_at: invitation.expires_at,
        }
    }
}

impl From<TenantUsage> for Usage {
    fn from(usage: TenantUsage) -> Self {
        let TenantUsage {
            documents,
            messages_this_month,
            storage_bytes,
            channels,
            members,
        } = usage;
        Self {
            documents,
            messages_this_month,
            storage_bytes,
            channels,
            members,
        }
    }
}

/// Creates or updates the account of a resource.
pub(crate) async fn put(
    State(app): State<AppState>,
    Id(uid): Id<Uuid>,
    Body(desired): Body<DesiredTenant>,
) -> Result<NoStore<Tenant>, Error> {
    let (status, tenant) = tenants::provision(&app, uid, &desired).await?;
    Ok(NoStore(status, tenant.into()))
}

/// Reads one account.
pub(crate) async fn read(
    State(app): State<AppState>,
    Id(uid): Id<Uuid>,
) -> Result<Json<Tenant>, Error> {
    Ok(Json(tenants::read(&app, uid).await?.into()))
}

/// Lists several accounts; UIDs without an account are left out.
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(ListQuery { uids }): Query<ListQuery>,
) -> Result<Json<TenantList>, Error> {
    let uids: Result<Vec<Uuid>, _> = uids.split(',').map(str::parse).collect();
    let uids = uids.map_err(|_| invalid_uids("must be UUIDs, separated by commas"))?;
    if uids.len() > MAX_LIST_LENGTH {
        return Err(invalid_uids("must be at most 100"));
    }
    let found = tenants::list(&app, &uids).await?;
    Ok(Json(TenantList {
        tenants: found.into_iter().map(Tenant::from).collect(),
    }))
}

fn invalid_uids(message: &str) -> Error {
    ApiError::unprocessable("invalid_query")
        .field("uids", message)
        .into()
}
