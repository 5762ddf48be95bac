//! The first sign-in of an owner whom a Tenant resource names.

use super::session::{self, SignedInUser};
use crate::app::security::password;
use crate::app::{audit, limits};
use crate::domain::audit::{Action, Actor};
use crate::domain::credentials::NewPassword;
use crate::domain::device::Device;
use crate::domain::owner_invitation;
use crate::error::Error;
use crate::state::AppState;
use crate::store::owner_invitations::{self, InvitationRef};
use crate::store::{me, tenants};

/// Accepts an invitation: sets the owner's password and opens a session.
pub(crate) async fn accept(
    app: &AppState,
    token: &str,
    password: NewPassword,
    device: &Device,
) -> Result<SignedInUser, Error> {
    limits::enforce(&app.cache, limits::INVITATION, &limits::by_ip(device.ip)).await?;
    password::enforce_policy(app, &password, &[]).await?;
    let found = owner_invitations::find(&app.db, &owner_invitation::hash(token)).await?;
    let InvitationRef {
        creator,
        invitation,
    } = found.ok_or(Error::InvalidInvitation)?;
    let hasher = &app.password_hasher;
    let hash = hasher.hash(device.ip, password.into_secret()).await?;
    let mut tx = app.db.tenant(creator).await?;
    if tenants::is_suspended(&mut tx).await? {
        return Err(Error::TenantSuspended);
    }
    let accepted = owner_invitations::accept(&mut tx, invitation, &hash).await?;
    let user = accepted.ok_or(Error::InvalidInvitation)?;
    let me = me::find(&mut tx, user).await?.ok_or(Error::Inconsistent)?;
    let actor = Actor::User(user.as_uuid());
    let audit_event = audit::event(actor, Action::OwnerAccepted, device.ip).on(invitation);
    let signed_in = session::open(app, &mut tx, me, device, audit_event).await?;
    tx.commit().await?;
    Ok(signed_in)
}
