//! Platform administrators.

use shared_models::{Email, UserId};
use shared_web::Caller;

use crate::domain::login_address::LoginAddress;
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::platform_admins;

/// The user of the caller, if it is a platform administrator. That is stored separately from roles
/// and plans, which grant nothing on the platform.
pub(crate) async fn require(app: &AppState, caller: &Caller) -> Result<UserId, Error> {
    let (user, _, _) = caller.user()?;
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    if platform_admins::is_admin(&mut tx, user).await? {
        return Ok(user);
    }
    Err(Denied::NotPlatformAdmin.into())
}

/// Makes the user of an email address an administrator; false when the address is unknown.
pub(crate) async fn grant(app: &AppState, email: &Email) -> Result<bool, Error> {
    let mut tx = app.db.system().await?;
    let granted = platform_admins::grant(&mut tx, email).await?;
    if granted {
        tx.commit().await?;
    }
    Ok(granted)
}

/// Removes an administrator; false when the user of the address is not one.
pub(crate) async fn revoke(app: &AppState, address: &LoginAddress) -> Result<bool, Error> {
    let mut tx = app.db.system().await?;
    let revoked = platform_admins::revoke(&mut tx, address.spelling()).await?
        || platform_admins::revoke(&mut tx, address.as_str()).await?;
    if revoked {
        tx.commit().await?;
    }
    Ok(revoked)
}
