//! Networks from which a user has signed in, as `auth.sessions` knows them.

use shared_db::TenantTx;
use shared_models::UserId;
use shared_web::ClientIp;
use sqlx::Row as _;

use crate::domain::credentials::KNOWN_NETWORK_TTL_SECONDS;

/// Whether a user has signed in from the network of an address lately, with all factors.
pub(crate) async fn contain(tx: &mut TenantTx, user: UserId, ip: ClientIp) -> sqlx::Result<bool> {
    sqlx::query("select auth.is_known_network($1, $2, $3::inet, $4)")
        .bind(tx.creator())
        .bind(user)
        .bind(ip.0.to_string())
        .bind(KNOWN_NETWORK_TTL_SECONDS)
        .fetch_one(tx.conn())
        .await?
        .try_get(0)
}
