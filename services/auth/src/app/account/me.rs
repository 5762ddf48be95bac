//! The signed-in user and the account.

use shared_models::text::SingleLine;
use shared_web::Caller;

use crate::domain::full_name::FullName;
use crate::error::Error;
use crate::state::AppState;
use crate::store::{creators, me, users};

pub(crate) use crate::store::creators::CreatorRow;
pub(crate) use crate::store::me::MeRow;

/// Reads the signed-in user and the account.
pub(crate) async fn read(app: &AppState, caller: &Caller) -> Result<MeRow, Error> {
    let (user, _, session) = caller.user()?;
    let found = me::look_up_signed_in(&app.db, caller.tenant, user, session).await?;
    found.ok_or(Error::SessionEnded)
}

/// Changes the signed-in user.
pub(crate) async fn update_user(
    app: &AppState,
    caller: &Caller,
    full_name: Option<&FullName>,
) -> Result<MeRow, Error> {
    let (user, _, session) = caller.user()?;
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(name) = full_name {
        users::rename(&mut tx, user, name).await?;
    }
    let found = me::find_signed_in(&mut tx, user, session).await?;
    let me = found.ok_or(Error::SessionEnded)?;
    tx.commit().await?;
    Ok(me)
}

/// Changes the account, unless a Tenant resource manages it.
pub(crate) async fn update_account(
    app: &AppState,
    caller: &Caller,
    display_name: Option<&SingleLine<200>>,
) -> Result<CreatorRow, Error> {
    let mut tx = app.db.tenant(caller.tenant).await?;
    if let Some(name) = display_name {
        if let Some(resource) = creators::managed_by(&mut tx).await? {
            return Err(Error::ManagedByResource(resource));
        }
        creators::rename(&mut tx, name.as_str()).await?;
    }
    let account = creators::read(&mut tx).await?;
    tx.commit().await?;
    Ok(account)
}
