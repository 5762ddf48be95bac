//! The password once more, before something that a stolen token must not be enough for.

use shared_models::{CreatorId, UserId};

use crate::domain::password_text::PasswordText;
use crate::error::{Denied, Error};
use crate::hashing::Verdict;
use crate::limits;
use crate::state::AppState;
use crate::store::users;

/// Compares the password of a signed-in user; guesses are counted for the user.
pub(crate) async fn check(
    app: &AppState,
    creator: CreatorId,
    user: UserId,
    password: PasswordText,
) -> Result<(), Error> {
    let subject = user.to_string();
    limits::take(&app.cache, limits::REAUTHENTICATE, &subject).await?;
    let mut tx = app.db.tenant_read(creator).await?;
    let stored = users::password_hash(&mut tx, user).await?;
    drop(tx);
    match app.hashing.verify(password.into_secret(), stored).await? {
        Verdict::Right { .. } => {
            limits::clear(&app.cache, limits::REAUTHENTICATE, &subject);
            Ok(())
        }
        Verdict::Wrong => Err(Denied::WrongPassword.into()),
    }
}
