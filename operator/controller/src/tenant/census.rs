//! Accounts as auth knows them, asked for a hundred at a time: a thousand Tenants that come to be
//! looked at cost ten reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use operator_core::tenant::Account;

use super::auth::{AuthApi, AuthError, LIST_MAX};
use super::directory::Directory;
use crate::seen::PlatformName;

/// The accounts of every platform.
#[derive(Default)]
pub struct Census(Mutex<HashMap<PlatformName, Sheet>>);

/// The accounts of one platform. The lock makes whoever comes while auth is asked wait for the
/// answer, instead of asking, too.
type Sheet = Arc<tokio::sync::Mutex<Accounts>>;

#[derive(Default)]
struct Accounts {
    asked: Option<Instant>,
    by_uid: HashMap<String, Account>,
}

impl Census {
    /// The account of a Tenant; auth is asked for all of its platform once in `lifetime`.
    pub async fn account(
        &self,
        (client, auth, directory): (&Client, &AuthApi, &Directory),
        platform: &PlatformName,
        uid: &str,
        lifetime: Duration,
    ) -> Result<Option<Account>, AuthError> {
        let sheet = self.sheet(platform);
        let mut accounts = sheet.lock().await;
        let fresh = |asked: Instant| asked.elapsed() < lifetime;
        if !accounts.asked.is_some_and(fresh) {
            let mut by_uid = HashMap::new();
            for uids in directory.uids_of(platform).chunks(LIST_MAX) {
                let found = auth.list(client, platform, uids).await?;
                by_uid.extend(found.into_iter().map(|one| (one.uid.clone(), one)));
            }
            metrics::counter!("operator_tenant_account_refreshes_total").increment(1);
            *accounts = Accounts {
                asked: Some(Instant::now()),
                by_uid,
            };
        }
        Ok(accounts.by_uid.get(uid).cloned())
    }

    /// What auth has just said of an account.
    pub async fn learn(&self, platform: &PlatformName, uid: &str, account: Option<Account>) {
        let sheet = self.sheet(platform);
        let mut accounts = sheet.lock().await;
        match account {
            Some(mut account) => {
                account.invitation = None;
                accounts.by_uid.insert(uid.to_owned(), account);
            }
            None => drop(accounts.by_uid.remove(uid)),
        }
    }

    fn sheet(&self, platform: &PlatformName) -> Sheet {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(platform.clone()).or_default())
    }
}
