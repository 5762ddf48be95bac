//! The second factor: what opens it, and what stands for the first one in between.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared_db::TenantTx;
use shared_models::{CreatorId, UserId};

use crate::domain::one_time_code::{self, RECOVERY_CODES, RecoveryCode};
use crate::error::Error;
use crate::state::AppState;
use crate::store::totp;
use shared_crypto::Encryptor;

/// How long the second step may come after the first, seconds.
pub(crate) const CHALLENGE_SECONDS: i64 = 300;
/// The place that challenges are sealed for.
const CHALLENGE: &str = "second factor challenge";

/// What somebody opens the second factor with.
#[derive(Debug)]
pub(crate) enum Proof {
    Code(String),
    Recovery(RecoveryCode),
}

/// Proof that the password was right: it stands for the first step, for minutes. Sealed, since
/// nobody but auth has to read it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    pub(crate) creator: CreatorId,
    pub(crate) user: UserId,
    ends: i64,
    /// Names the password that was right: another one voids the challenge.
    password: String,
}

impl Challenge {
    pub(crate) fn new(creator: CreatorId, user: UserId, password_hash: &str) -> Self {
        Self {
            creator,
            user,
            ends: Timestamp::now().as_second() + CHALLENGE_SECONDS,
            password: fingerprint(password_hash),
        }
    }

    pub(crate) fn seal(&self, encryptor: &Encryptor) -> Result<String, Error> {
        let text = serde_json::to_vec(self).map_err(|_| Error::Inconsistent)?;
        Ok(encryptor.encrypt(CHALLENGE, &text)?)
    }

    /// Opens a challenge that still holds.
    pub(crate) fn open(encryptor: &Encryptor, text: &str) -> Option<Self> {
        let decrypted = encryptor.decrypt(CHALLENGE, text).ok()?;
        let challenge: Self = serde_json::from_slice(decrypted.plaintext.expose()).ok()?;
        (challenge.ends > Timestamp::now().as_second()).then_some(challenge)
    }

    /// Whether the password is still the one that was right.
    pub(crate) fn is_of(&self, password_hash: &str) -> bool {
        self.password == fingerprint(password_hash)
    }
}

fn fingerprint(password_hash: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(password_hash)[..8])
}

/// Whether a user's sign-in needs a second factor.
pub(crate) async fn is_on(tx: &mut TenantTx, user: UserId) -> Result<bool, Error> {
    let row = totp::find(tx, user).await?;
    Ok(row.is_some_and(|row| row.confirmed_at.is_some()))
}

/// Uses a proof up; false when it proves nothing, or was used before. The caller commits.
pub(crate) async fn accept(
    app: &AppState,
    tx: &mut TenantTx,
    user: UserId,
    proof: &Proof,
) -> Result<bool, Error> {
    match proof {
        Proof::Recovery(code) => Ok(totp::use_code(tx, user, &code.hash()).await?),
        Proof::Code(code) => {
            let Some(row) = totp::find(tx, user).await? else {
                return Ok(false);
            };
            let decrypted = app.encryptor.decrypt(&place(user), &row.secret)?;
            if let Some(reencrypted) = &decrypted.reencrypted {
                totp::reseal(tx, user, reencrypted).await?;
            }
            let now = Timestamp::now().as_second();
            let step = one_time_code::step_of(decrypted.plaintext.expose(), code, now)?;
            match step {
                Some(step) => Ok(totp::use_step(tx, user, step).await?),
                None => Ok(false),
            }
        }
    }
}

/// Gives a user new recovery codes, as they are shown once.
pub(crate) async fn new_codes(tx: &mut TenantTx, user: UserId) -> Result<Vec<String>, Error> {
    let codes: Result<Vec<_>, _> = (0..RECOVERY_CODES)
        .map(|_| RecoveryCode::random())
        .collect();
    let codes = codes?;
    let hashes: Vec<Vec<u8>> = codes.iter().map(|code| code.hash().to_vec()).collect();
    totp::replace_codes(tx, user, &hashes).await?;
    Ok(codes.iter().map(RecoveryCode::shown).collect())
}

/// The place that a user's secret is sealed for.
pub(crate) fn place(user: UserId) -> String {
    format!("totp {user}")
}
