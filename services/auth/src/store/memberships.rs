//! Who belongs to an account, and as what.

use shared_db::TenantTx;
use shared_models::{Role, UserId};

/// Makes a user a member.
pub(crate) async fn insert(tx: &mut TenantTx, user: UserId, role: Role) -> sqlx::Result<()> {
    sqlx::query("insert into auth.memberships (creator_id, user_id, role) values ($1, $2, $3)")
        .bind(tx.creator())
        .bind(user)
        .bind(role.as_str())
        .execute(tx.conn())
        .await
        .map(|_| ())
}
