//! Finds out who an API key acts for.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use shared_auth::AuthError;
use shared_auth::api_key::{KeyIdentity, ResolveKey};
use shared_db::Db;

use crate::store::api_keys::{self, KeyOwner};
use crate::store::tenants;

/// Resolves keys from the database: for introspection by other services, and for requests to auth
/// itself.
#[derive(Debug, Clone)]
pub(crate) struct ApiKeyResolver(Db);

impl ApiKeyResolver {
    pub(crate) const fn new(db: Db) -> Self {
        Self(db)
    }

    /// The identity behind the hash of a key; none when the key is not valid.
    pub(crate) async fn identity(&self, hash: [u8; 32]) -> sqlx::Result<Option<KeyIdentity>> {
        let owner = api_keys::find(&self.0, &hash).await?;
        let Some(KeyOwner { creator, key }) = owner else {
            return Ok(None);
        };
        let mut tx = self.0.tenant(creator).await?;
        // The revocation of a suspended tenant expires with its access tokens, before its keys do.
        if tenants::is_suspended(&mut tx).await? {
            return Ok(None);
        }
        let grant = api_keys::use_key(&mut tx, key).await?;
        tx.commit().await?;
        Ok(grant.map(|grant| KeyIdentity {
            creator_id: creator,
            id: key,
            scopes: grant.scopes,
            created_by: Some(grant.created_by),
            read_at: Some(grant.read_at.as_millisecond()),
            expires_at: grant.expires_at.map(Timestamp::as_second),
        }))
    }
}

impl ResolveKey for ApiKeyResolver {
    fn resolve(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        Box::pin(async move { self.identity(hash).await.map_err(AuthError::from) })
    }
}
