//! The people of an account: listed, given other roles, removed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_auth::Subject;
use shared_models::{Page, PageRequest, Permission, Role, UserId};
use shared_web::{ApiError, Body, ClientIp, Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use super::refusals::{BodyRefused, TokenRefused, Unavailable};
use crate::audit::{self, Action, Event};
use crate::error::Error;
use crate::state::AppState;
use crate::store::memberships::{self, Change};
use crate::store::users::UserRow;

/// A member of the account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Member {
    id: UserId,
    email: String,
    full_name: String,
    role: Role,
    last_login_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<UserRow> for Member {
    fn from(row: UserRow) -> Self {
        let UserRow {
            id,
            email,
            full_name,
            role,
            last_login_at,
            created_at,
            ..
        } = row;
        Self {
            id,
            email,
            full_name,
            role,
            last_login_at,
            created_at,
        }
    }
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChange {
    role: Role,
}

/// A role and what it may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleEntry {
    role: Role,
    permissions: Vec<PermissionEntry>,
}

/// One permission of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PermissionEntry {
    name: Permission,
    /// What it allows.
    description: &'static str,
}

/// The roles, the one that may most first, and what each may do.
#[utoipa::path(get, path = "/roles", tag = "members",
    responses((status = 200, body = Vec<RoleEntry>)))]
pub(crate) async fn list_roles() -> Json<Vec<RoleEntry>> {
    let entry = |role: Role| RoleEntry {
        role,
        permissions: role.permissions().map(describe).collect(),
    };
    Json(Role::ALL.map(entry).into())
}

const fn describe(name: Permission) -> PermissionEntry {
    let description = name.description();
    PermissionEntry { name, description }
}

/// List the members, newest first.
#[utoipa::path(get, path = "/members", tag = "members", params(PageRequest),
    security(("bearer" = [])),
    responses(
        (status = 200, body = Page<Member>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn list_members(
    State(app): State<AppState>,
    caller: Permit<permit::MembersRead>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Member>>, Error> {
    let window = paging.window(&page)?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let rows = memberships::list(&mut tx, window.after, window.limit + 1).await?;
    let rows = rows.into_iter().map(Member::from).collect();
    Ok(Json(
        paging.page(rows, window, |row: &Member| row.id.as_uuid()),
    ))
}

/// Change a member's role.
///
/// It holds in every service within a second: tokens of before are refused, and a refresh gives
/// the new role. An account keeps an owner, and only owners make and change owners.
#[utoipa::path(patch, path = "/members/{id}", tag = "members", request_body = RoleChange,
    params(("id" = UserId, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The member has that role"),
        (status = 404, description = "unknown_member", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "last_owner", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, BodyRefused, Unavailable))]
pub(crate) async fn change_member(
    State(app): State<AppState>,
    caller: Permit<permit::MembersManage>,
    ip: ClientIp,
    Id(id): Id<UserId>,
    Body(RoleChange { role }): Body<RoleChange>,
) -> Result<StatusCode, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    let actor = (&caller.principal).into();
    let above = !caller.has(Permission::AccountManage);
    done(memberships::change_role(&mut tx, id, role, above).await?)?;
    audit::append(&mut tx, Event::new(actor, Action::RoleChanged, ip).on(id)).await?;
    tx.commit().await?;
    app.revoke(Subject::User(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a member stays as it is.
fn done(change: Change) -> Result<(), ApiError> {
    match change {
        Change::Done => Ok(()),
        Change::Unknown => {
            Err(ApiError::not_found("unknown_member").detail("this account has no such member"))
        }
        Change::LastOwner => Err(ApiError::conflict("last_owner")
            .detail("an account keeps an owner; make another member one first")),
        Change::AboveCaller => Err(ApiError::forbidden("permission_missing")
            .detail("only an owner makes, changes or removes owners")),
    }
}

/// Remove a member: sessions end, API keys of the member go, the address is free again.
#[utoipa::path(delete, path = "/members/{id}", tag = "members",
    params(("id" = UserId, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The person is no member any more"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_member", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "last_owner", body = Problem,
            content_type = "application/problem+json"),
        TokenRefused, Unavailable))]
pub(crate) async fn remove_member(
    State(app): State<AppState>,
    caller: Permit<permit::MembersManage>,
    ip: ClientIp,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    let actor = (&caller.principal).into();
    let above = !caller.has(Permission::AccountManage);
    done(memberships::remove(&mut tx, id, above).await?)?;
    audit::append(&mut tx, Event::new(actor, Action::MemberRemoved, ip).on(id)).await?;
    tx.commit().await?;
    app.revoke(Subject::User(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
