//! The last step of every sign-in, in one query: resets the failure count and opens a session, or
//! reports why not.

use shared_db::TenantTx;
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::me::MeRow;
use super::sessions::NewSession;
use crate::domain::credentials::KNOWN_NETWORK_TTL_SECONDS;

/// A sign-in whose password was verified.
#[derive(Debug)]
pub(crate) struct SignIn<'a> {
    pub(crate) session: NewSession<'a>,
    /// Replaces a stored hash that was made with outdated parameters.
    pub(crate) new_hash: Option<&'a str>,
    pub(crate) second_factor_verified: bool,
    pub(crate) verified_email_required: bool,
}

/// How a sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInOutcome {
    Opened,
    /// A second factor is enabled, and was not verified.
    SecondFactorRequired,
    /// Wrong passwords or codes have locked the user on this network.
    Locked,
    Suspended,
    /// The email address is not verified, and has to be.
    EmailUnverified,
}

/// The user of a sign-in, and how it ended.
#[derive(Debug, Clone)]
pub(crate) struct SignInRow {
    pub(crate) me: MeRow,
    pub(crate) outcome: SignInOutcome,
}

const OPEN_SESSION: &str = "with factor as (
   select exists (select from auth.totp where creator_id = $1 and user_id = $2
                  and confirmed_at is not null) as second_factor),
 account as (
   select exists (select from platform.tenant_settings
                  where creator_id = $1 and suspended_at is not null) as suspended),
 network as (
   select auth.is_known_network($1, $2, $5::inet, $18) as known),
 counted as (
   update auth.users
   set failed_logins = case when locked_until > now() then failed_logins else 0 end,
       failures_since = case when locked_until > now() then failures_since end,
       locked_until = case when locked_until > now() then locked_until end,
       last_login_at = now(), password_hash = coalesce($15, password_hash)
   where creator_id = $1 and id = $2
     and (coalesce(locked_until <= now(), true) or (select known from network))
     and ($16 or not (select second_factor from factor))
   returning last_login_at, email_verified_at is not null or not $17 as verified),
 opened as (
   select auth.open_session($1, $2, $3, $4, $5::inet, $6, $7, $8,
                            $9, $10, $11, $12, $13::inet, $14)
   from counted, account where verified and not suspended)
 select u.id, u.email, u.full_name, u.email_verified_at, u.created_at,
        coalesce((select last_login_at from counted), u.last_login_at) as last_login_at,
        m.role, c.creator_id, c.display_name, c.company_name, c.plan,
        c.created_at as account_created_at, now() as read_at,
        case when exists (select from opened) then 'opened'
             when exists (select from counted)
               then case when a.suspended then 'suspended' else 'unverified' end
             when f.second_factor and not $16
               and (coalesce(u.locked_until <= now(), true) or n.known) then 'second_factor'
             else 'locked' end as outcome
 from factor f
 cross join account a
 cross join network n
 cross join auth.users u
 join auth.memberships m on m.creator_id = u.creator_id and m.user_id = u.id
 join auth.creators c on c.creator_id = u.creator_id
 where u.creator_id = $1 and u.id = $2";

/// Resets the failure count, replaces an outdated hash, opens the session and reads the user, in
/// one round trip. Changes nothing while the user is locked on this network, or when a second
/// factor is enabled and was not verified. A lock on other networks stays: an
/// attacker there must not get new guesses by each sign-in of the user.
pub(crate) async fn open_session(
    tx: &mut TenantTx,
    sign_in: &SignIn<'_>,
) -> sqlx::Result<Option<SignInRow>> {
    let query = sqlx::query(OPEN_SESSION);
    let row = sign_in
        .session
        .bind(query.bind(tx.creator()))
        .bind(sign_in.new_hash)
        .bind(sign_in.second_factor_verified)
        .bind(sign_in.verified_email_required)
        .bind(KNOWN_NETWORK_TTL_SECONDS)
        .fetch_optional(tx.conn())
        .await?;
    row.map(TryInto::try_into).transpose()
}

impl TryFrom<PgRow> for SignInRow {
    type Error = sqlx::Error;

    fn try_from(row: PgRow) -> Result<Self, Self::Error> {
        let outcome = match row.try_get("outcome")? {
            "opened" => SignInOutcome::Opened,
            "second_factor" => SignInOutcome::SecondFactorRequired,
            "suspended" => SignInOutcome::Suspended,
            "unverified" => SignInOutcome::EmailUnverified,
            _ => SignInOutcome::Locked,
        };
        let me = row.try_into()?;
        Ok(Self { me, outcome })
    }
}
