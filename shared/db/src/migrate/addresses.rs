//! Changes stored email addresses to their one spelling ([`Email`]), which SQL cannot compute.
//!
//! Earlier versions kept what was typed, so that one mailbox could have several accounts. Of those,
//! one with a verified address keeps it, and of several, the oldest. The others sign in by the
//! spelling that they had, until they change their address. This runs after the migrations, each
//! time: pods of an earlier version may have stored such a spelling meanwhile.

use std::collections::{BTreeMap, HashSet};

use shared_models::{CreatorId, Email, UserId};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};
use uuid::Uuid;

/// Where the account of an address is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Login {
    spelling: String,
    tenant: CreatorId,
    user: UserId,
    /// Whether it is an earlier spelling, of an account without the address.
    earlier: bool,
}

/// The accounts of one address.
#[derive(Debug)]
struct Contest {
    address: String,
    logins: Vec<Login>,
}

impl Contest {
    /// The account that has the address.
    fn holder(&self) -> Option<&Login> {
        let has_address = |login: &&Login| login.spelling == self.address && !login.earlier;
        self.logins.iter().find(has_address)
    }

    /// The accounts of which one keeps the address. What was decided before stays.
    fn contestants(&self) -> Vec<&Login> {
        let undecided = |login: &&Login| !login.earlier || self.holder().is_none();
        self.logins.iter().filter(undecided).collect()
    }

    fn is_decided(&self) -> bool {
        self.holder().is_some() && self.contestants().len() == 1
    }

    /// Whether an account has lost the address although it is its earlier spelling: the one that
    /// has it now cannot lose it in the same way.
    fn was_lost(&self) -> bool {
        let lost = |login: &Login| login.spelling == self.address && login.earlier;
        self.logins.iter().any(lost)
    }
}

/// Changes every address that has another spelling, and lists the accounts that keep an earlier
/// one. Expects to be `platform_owner`.
pub(super) async fn respell(connection: &mut PgConnection) -> sqlx::Result<()> {
    respell_invitations(connection).await?;
    let mut contests = contests(connection).await?;
    contests.retain(|contest| !contest.is_decided());
    if !contests.is_empty() {
        decide_all(connection, &contests).await?;
    }
    list_earlier(connection).await
}

/// Invitations to register are accepted with the address that they were sent to.
async fn respell_invitations(connection: &mut PgConnection) -> sqlx::Result<()> {
    let mut tx = connection.begin().await?;
    sqlx::query("set local role auth_lookup")
        .execute(&mut *tx)
        .await?;
    let rows = sqlx::query(
        "select id, email from auth.registration_invitations
         where accepted_at is null and octet_length(email) <> length(email)",
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in rows {
        let (id, email): (Uuid, String) = (row.try_get(0)?, row.try_get(1)?);
        if let Ok(address) = Email::parse(&email) {
            sqlx::query("update auth.registration_invitations set email = $2 where id = $1")
                .bind(id)
                .bind(address.as_str())
                .execute(&mut *tx)
                .await?;
        }
    }
    tx.commit().await
}

/// The logins whose spelling may not be the one of its address: all others have ASCII addresses.
async fn unusual_logins(connection: &mut PgConnection) -> sqlx::Result<Vec<Login>> {
    let rows = sqlx::query(
        "select email, tenant, user_id, earlier from auth.login_directory
         where earlier or octet_length(email) <> length(email) or email like '%@%xn--%'
         order by user_id",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(login).collect()
}

/// The addresses of unusual logins, with all accounts of each.
async fn contests(connection: &mut PgConnection) -> sqlx::Result<Vec<Contest>> {
    let mut tx = connection.begin().await?;
    sqlx::query("set local role auth_lookup")
        .execute(&mut *tx)
        .await?;
    let unusual = unusual_logins(&mut tx).await?;
    let known: HashSet<UserId> = unusual.iter().map(|login| login.user).collect();
    let mut by_address: BTreeMap<String, Vec<Login>> = BTreeMap::new();
    for login in unusual {
        if let Ok(address) = Email::parse(&login.spelling) {
            let logins = by_address.entry(address.into()).or_default();
            logins.push(login);
        }
    }
    let addresses: Vec<&str> = by_address.keys().map(String::as_str).collect();
    let holders = sqlx::query(
        "select email, tenant, user_id, earlier from auth.login_directory
         where email = any($1) and not earlier",
    )
    .bind(addresses)
    .fetch_all(&mut *tx)
    .await?;
    tx.rollback().await?;
    for row in &holders {
        let holder = login(row)?;
        if !known.contains(&holder.user)
            && let Some(logins) = by_address.get_mut(&holder.spelling)
        {
            logins.push(holder);
        }
    }
    let contest = |(address, logins)| Contest { address, logins };
    Ok(by_address.into_iter().map(contest).collect())
}

fn login(row: &PgRow) -> sqlx::Result<Login> {
    Ok(Login {
        spelling: row.try_get("email")?,
        tenant: row.try_get("tenant")?,
        user: row.try_get("user_id")?,
        earlier: row.try_get("earlier")?,
    })
}

async fn decide_all(connection: &mut PgConnection, contests: &[Contest]) -> sqlx::Result<()> {
    let mut tx = connection.begin().await?;
    // Row-level security holds for the owner of the tables as well.
    for statement in [
        "create policy migration_addresses on auth.users to platform_owner
         using (true) with check (true)",
        "create policy migration_addresses on auth.login_directory to platform_owner
         using (true) with check (true)",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    for contest in contests {
        decide(&mut tx, contest).await?;
    }
    for statement in [
        "drop policy migration_addresses on auth.users",
        "drop policy migration_addresses on auth.login_directory",
    ] {
        sqlx::query(statement).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    let addresses = contests.len();
    tracing::info!(addresses, "email addresses changed to their one spelling");
    Ok(())
}

/// Gives the address to one account, and marks the spellings of the others as earlier ones.
async fn decide(connection: &mut PgConnection, contest: &Contest) -> sqlx::Result<()> {
    let contestants = contest.contestants();
    let winner = match contest.holder() {
        Some(holder) if contest.was_lost() => holder.user,
        _ => first_in_rank(connection, &contestants).await?,
    };
    let losers = contestants.iter().filter(|login| login.user != winner);
    let losers: Vec<Uuid> = losers.map(|login| login.user.as_uuid()).collect();
    sqlx::query("update auth.login_directory set earlier = true where user_id = any($1)")
        .bind(losers)
        .execute(&mut *connection)
        .await?;
    sqlx::query("update auth.login_directory set email = $2, earlier = false where user_id = $1")
        .bind(winner)
        .bind(&contest.address)
        .execute(&mut *connection)
        .await?;
    // Two of them may be members of one account, where addresses differ.
    sqlx::query(
        "update auth.users u set email = $2, updated_at = now()
         where u.id = $1 and u.email <> $2 and not exists (
           select from auth.users other
           where other.creator_id = u.creator_id and other.email = $2)",
    )
    .bind(winner)
    .bind(&contest.address)
    .execute(&mut *connection)
    .await
    .map(|_| ())
}

/// The account whose address is verified; of several, the oldest.
async fn first_in_rank(
    connection: &mut PgConnection,
    contestants: &[&Login],
) -> sqlx::Result<UserId> {
    let tenants: Vec<Uuid> = contestants.iter().map(|l| l.tenant.as_uuid()).collect();
    let users: Vec<Uuid> = contestants.iter().map(|l| l.user.as_uuid()).collect();
    sqlx::query(
        "select u.id from auth.users u
         where (u.creator_id, u.id) in (select * from unnest($1::uuid[], $2::uuid[]))
         order by u.email_verified_at is null, u.created_at, u.id limit 1",
    )
    .bind(tenants)
    .bind(users)
    .fetch_one(connection)
    .await?
    .try_get(0)
}

/// Names the accounts that should change their address, by the ids of their users.
async fn list_earlier(connection: &mut PgConnection) -> sqlx::Result<()> {
    let mut tx = connection.begin().await?;
    sqlx::query("set local role auth_lookup")
        .execute(&mut *tx)
        .await?;
    let unusual = unusual_logins(&mut tx).await?;
    tx.rollback().await?;
    for login in unusual {
        let user = login.user;
        if login.earlier {
            tracing::warn!(%user, "user keeps an earlier spelling of an address");
        } else if Email::parse(&login.spelling).is_err() {
            tracing::warn!(%user, "user keeps a spelling that is no longer an address");
        }
    }
    Ok(())
}
