//! Members: listed, changed, removed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::{Page, PageRequest, Permission, Role, UserId};
use shared_web::{Body, ClientIp, Id, Paging, Permit, Problem, Query, permit};
use utoipa::ToSchema;

use crate::app::team::members::{self, UserRow};
use crate::error::Error;
use crate::routes::openapi_responses::{BodyErrors, TokenErrors, UnavailableErrors};
use crate::routes::response::page_of;
use crate::state::AppState;

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

/// The new role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleChange {
    role: Role,
}

/// A role and its permissions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleEntry {
    role: Role,
    permissions: Vec<PermissionEntry>,
}

/// A permission.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PermissionEntry {
    name: Permission,
    /// What it allows.
    description: &'static str,
}

/// List the roles and their permissions, the most powerful role first.
#[utoipa::path(get, path = "/roles", tag = "members",
    responses((status = 200, description = "The roles", body = Vec<RoleEntry>)))]
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
        (status = 200, description = "A page of members", body = Page<Member>),
        (status = 422, description = "invalid_query", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn list_members(
    State(app): State<AppState>,
    caller: Permit<permit::MembersRead>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Member>>, Error> {
    let rows = members::list(&app, &caller, &paging, &page).await?;
    Ok(page_of(rows))
}

/// Change a member's role.
///
/// Takes effect in every service within a second: older access tokens are refused, and a refresh
/// returns the new role. An account needs an owner, and only owners can add or change owners.
#[utoipa::path(patch, path = "/members/{id}", tag = "members", request_body = RoleChange,
    params(("id" = UserId, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The role is changed"),
        (status = 404, description = "unknown_member", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "last_owner", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, BodyErrors, UnavailableErrors))]
pub(crate) async fn change_member(
    State(app): State<AppState>,
    caller: Permit<permit::MembersManage>,
    ip: ClientIp,
    Id(id): Id<UserId>,
    Body(RoleChange { role }): Body<RoleChange>,
) -> Result<StatusCode, Error> {
    members::change_role(&app, &caller, ip, id, role).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a member. The member's sessions and API keys end, and the email address becomes free.
#[utoipa::path(delete, path = "/members/{id}", tag = "members",
    params(("id" = UserId, Path)), security(("bearer" = [])),
    responses(
        (status = 204, description = "The member is removed"),
        (status = 400, description = "malformed_id", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "unknown_member", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "last_owner", body = Problem,
            content_type = "application/problem+json"),
        TokenErrors, UnavailableErrors))]
pub(crate) async fn remove_member(
    State(app): State<AppState>,
    caller: Permit<permit::MembersManage>,
    ip: ClientIp,
    Id(id): Id<UserId>,
) -> Result<StatusCode, Error> {
    members::remove(&app, &caller, ip, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
