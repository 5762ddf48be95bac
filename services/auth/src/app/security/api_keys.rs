//! Whom an API key speaks for: asked by every service, answered out of PostgreSQL.

use futures_util::future::BoxFuture;
use shared_auth::AuthError;
use shared_auth::api_key::{KeyIdentity, ResolveKey};
use shared_db::Db;

use crate::store::api_keys::{self, KeyOwner};
use crate::store::tenants;

/// Resolves keys in this process.
#[derive(Debug, Clone)]
pub(crate) struct ApiKeys(Db);

impl ApiKeys {
    pub(crate) const fn new(db: Db) -> Self {
        Self(db)
    }

    /// The identity behind a key's hash, or none.
    pub(crate) async fn identity(&self, hash: [u8; 32]) -> sqlx::Result<Option<KeyIdentity>> {
        let owner = api_keys::find(&self.0, &hash).await?;
        let Some(KeyOwner { creator, key }) = owner else {
            return Ok(None);
        };
        let mut tx = self.0.tenant(creator).await?;
        // The word of the suspension ends with the access tokens of before; keys have no such end.
        if tenants::is_suspended(&mut tx).await? {
            return Ok(None);
        }
        let key_owner = api_keys::open(&mut tx, key).await?;
        tx.commit().await?;
        Ok(key_owner.map(|(scopes, maker)| KeyIdentity {
            creator_id: creator,
            id: key,
            scopes,
            created_by: Some(maker),
        }))
    }
}

impl ResolveKey for ApiKeys {
    fn resolve(&self, hash: [u8; 32]) -> BoxFuture<'_, Result<Option<KeyIdentity>, AuthError>> {
        Box::pin(async move { self.identity(hash).await.map_err(AuthError::from) })
    }
}
