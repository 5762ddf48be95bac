//! The first sign-in of an owner whom a resource named.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use shared_models::CreatorId;
use shared_web::{Body, Problem};
use utoipa::ToSchema;
use uuid::Uuid;

use super::answer::{Confidential, SignedIn, sign_in};
use super::refusals::{BodyRefused, Limited, Unavailable};
use crate::audit::{Action, Actor, Event};
use crate::domain::invitation;
use crate::domain::password_text::PasswordText;
use crate::error::Error;
use crate::state::AppState;
use crate::store::owner_invitations::{self, Invited};
use crate::store::sessions::Device;
use crate::store::{me, tenants};
use crate::{limits, passwords};

/// The token of an invitation, and the password to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acceptance {
    /// As it stands in the invitation.
    token: String,
    password: PasswordText,
}

/// Accept the invitation to own an account.
///
/// Sets the owner's password and signs in. An invitation is used once; unknown, used and expired
/// ones give one and the same answer.
#[utoipa::path(post, path = "/owner-invitations/accept", tag = "sign-in",
    request_body = Acceptance,
    responses(
        (status = 200, description = "The account, the person, and a first session",
            body = SignedIn),
        (status = 401, description = "invalid_invitation", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "tenant_suspended", body = Problem,
            content_type = "application/problem+json"),
        BodyRefused, Limited, Unavailable))]
pub(crate) async fn accept_owner_invitation(
    State(app): State<AppState>,
    device: Device,
    Body(Acceptance { token, password }): Body<Acceptance>,
) -> Result<Confidential<SignedIn>, Error> {
    limits::take(&app.cache, limits::INVITATION, &limits::address(device.ip)).await?;
    passwords::accept(&app, &password, &[]).await?;
    let found = owner_invitations::find(&app.db, &invitation::hash(&token)).await?;
    let Invited {
        creator,
        invitation,
    } = found.ok_or(Error::InvalidInvitation)?;
    let hash = app.hashing.hash(password.into_secret()).await?;
    let signed_in = admit(&app, creator, invitation, &hash, &device).await?;
    Ok(Confidential(StatusCode::OK, signed_in))
}

/// Password and session come together, or neither does.
async fn admit(
    app: &AppState,
    creator: CreatorId,
    invitation: Uuid,
    hash: &str,
    device: &Device,
) -> Result<SignedIn, Error> {
    let mut tx = app.db.tenant(creator).await?;
    if tenants::is_suspended(&mut tx).await? {
        return Err(Error::TenantSuspended);
    }
    let user = owner_invitations::accept(&mut tx, invitation, hash).await?;
    let user = user.ok_or(Error::InvalidInvitation)?;
    let me = me::find(&mut tx, user).await?.ok_or(Error::Inconsistent)?;
    let actor = Actor::User(user.as_uuid());
    let entry = Event::new(actor, Action::OwnerAccepted, device.ip).on(invitation);
    let signed_in = sign_in(app, &mut tx, me, device, entry).await?;
    tx.commit().await?;
    Ok(signed_in)
}
