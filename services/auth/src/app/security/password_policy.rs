//! Whether a new password may be used: the one door for all who set one.

use crate::domain::password_text::PasswordText;
use crate::error::Error;
use crate::state::AppState;

/// Holds a new password against the rules; `personal` is what is known of its owner.
pub(crate) async fn accept(
    app: &AppState,
    password: &PasswordText,
    personal: &[&str],
) -> Result<(), Error> {
    let rules = &app.accounts.passwords;
    let mut violations = rules.assess(password.as_str(), personal).violations;
    if violations.is_empty() {
        violations.extend(app.breached.check(password.as_str()).await);
    }
    if violations.is_empty() {
        return Ok(());
    }
    Err(Error::WeakPassword(violations))
}
