//! Change of the signed-in user's email address, by proof of the new one.

use shared_db::on_constraint;
use shared_models::Email;
use shared_web::{Caller, ClientIp};

use crate::app::security::credential_change::{self, CredentialChange};
use crate::app::security::password;
use crate::app::{audit, limits};
use crate::domain::audit::Action;
use crate::domain::credentials::PasswordText;
use crate::domain::email;
use crate::domain::email_token::{EmailToken, Purpose};
use crate::error::{Denied, Error};
use crate::state::AppState;
use crate::store::sessions::RevocationReason;
use crate::store::{email_tokens, login_lookup, users};

/// Sends a code to the new address and a notice to the current one. Whether the new address has an
/// account is said in the email only, to a reader who has the address.
pub(crate) async fn request(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    address: &Email,
    password: PasswordText,
) -> Result<(), Error> {
    let (user, _, _) = caller.user()?;
    password::reauthenticate(app, caller.tenant, user, ip, password).await?;
    limits::enforce(&app.cache, limits::EMAIL_CHANGE, &user.to_string()).await?;
    let recipient = limits::by_account(address.as_str());
    limits::enforce(&app.cache, limits::EMAIL_CHANGE_BY_RECIPIENT, &recipient).await?;
    let in_use = login_lookup::find_login(&app.db, address).await?.is_some();
    let mut tx = app.db.tenant(caller.tenant).await?;
    let known = credential_change::read_user(&mut tx, caller).await?;
    if known.email == address.as_str() {
        return Err(Error::Field("email", "is your address already"));
    }
    let token = EmailToken::random()?;
    // Written in both cases, so that they take the same time. That of a taken address is not sent.
    email_tokens::replace_change(&mut tx, user, &token.hash(), address).await?;
    let message = if in_use {
        email::address_in_use(address)
    } else {
        email::address_change(&app.mailer.links, address, token.as_str())
    };
    app.mailer.enqueue(&mut tx, &message).await?;
    let notice = email::address_change_requested(&known.email);
    app.mailer.enqueue(&mut tx, &notice).await?;
    let audit_event = audit::event(&caller.principal, Action::EmailChangeRequested, ip).on(user);
    audit::append(&mut tx, audit_event).await?;
    tx.commit().await?;
    Ok(())
}

/// Changes the address with the code that was sent to it, and ends all other sessions. The code
/// alone is not enough: an address with a slip of the pen may be a stranger's.
pub(crate) async fn confirm(
    app: &AppState,
    caller: &Caller,
    ip: ClientIp,
    token: String,
) -> Result<(), Error> {
    limits::enforce(&app.cache, limits::EMAIL_CODE, &limits::by_ip(ip)).await?;
    let (user, _, _) = caller.user()?;
    let hash = EmailToken::received(token).hash();
    let mut tx = app.db.tenant(caller.tenant).await?;
    let known = credential_change::read_user(&mut tx, caller).await?;
    let consumed = email_tokens::consume_change(&mut tx, user, &hash).await?;
    let address = consumed.ok_or(Denied::InvalidCode)?;
    if !login_lookup::change_login(&mut tx, &address, user).await? {
        return Err(Error::EmailTaken);
    }
    let changed = users::change_email(&mut tx, user, &address).await;
    changed.map_err(on_constraint(
        "users_creator_id_email_key",
        Error::EmailTaken,
    ))?;
    // What was sent to the address before must not open the account any more.
    email_tokens::remove(&mut tx, user, Purpose::PasswordReset).await?;
    email_tokens::remove(&mut tx, user, Purpose::EmailVerification).await?;
    let change = CredentialChange {
        reason: RevocationReason::EmailChanged,
        action: Action::EmailChanged,
        notice: email::address_changed(&known.email),
    };
    credential_change::finish(app, tx, caller, ip, change).await
}
