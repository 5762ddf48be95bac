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
    sweep: Option<Sweep>,
}

/// Auth being asked for all accounts, page by page. A look may take a minute and is then cut off;
/// the next one goes on where it stopped, else a platform with more pages than fit into a minute
/// would never be answered for.
struct Sweep {
    moved: Instant,
    /// What is left to ask for; the next page is the last one.
    left: Vec<Vec<String>>,
    by_uid: HashMap<String, Account>,
}

impl Accounts {
    /// Goes on with a sweep that was cut off, if that is not long ago, or begins one.
    fn begin(&mut self, lifetime: Duration, uids: impl FnOnce() -> Vec<String>) {
        let goes_on = self
            .sweep
            .as_ref()
            .is_some_and(|sweep| sweep.moved.elapsed() < lifetime);
        if !goes_on {
            let pages = uids();
            let pages = pages.chunks(LIST_MAX).rev().map(<[String]>::to_vec);
            self.sweep = Some(Sweep {
                moved: Instant::now(),
                left: pages.collect(),
                by_uid: HashMap::new(),
            });
        }
    }

    /// The page that auth is to be asked for; none when all were answered.
    fn next_page(&self) -> Option<&[String]> {
        let sweep = self.sweep.as_ref()?;
        sweep.left.last().map(Vec::as_slice)
    }

    /// Takes in the answer to the page that was next.
    fn answered(&mut self, found: Vec<Account>) {
        if let Some(sweep) = &mut self.sweep {
            sweep.left.pop();
            sweep.moved = Instant::now();
            let found = found.into_iter().map(|one| (one.uid.clone(), one));
            sweep.by_uid.extend(found);
        }
    }

    /// Makes what a whole sweep found the answer of the next looks.
    fn finish(&mut self) {
        if let Some(sweep) = self.sweep.take() {
            self.by_uid = sweep.by_uid;
            self.asked = Some(Instant::now());
        }
    }

    /// What auth has just said of an account: newer than what any sweep has of it.
    fn learn(&mut self, uid: &str, account: Option<&Account>) {
        let swept = self.sweep.as_mut().map(|sweep| &mut sweep.by_uid);
        for known in [Some(&mut self.by_uid), swept].into_iter().flatten() {
            match account {
                Some(account) => drop(known.insert(uid.to_owned(), account.clone())),
                None => drop(known.remove(uid)),
            }
        }
    }
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
            accounts.begin(lifetime, || directory.uids_of(platform));
            while let Some(uids) = accounts.next_page() {
                let found = auth.list(client, platform, uids).await?;
                accounts.answered(found);
            }
            metrics::counter!("operator_tenant_account_refreshes_total").increment(1);
            accounts.finish();
        }
        Ok(accounts.by_uid.get(uid).cloned())
    }

    /// What auth has just said of an account.
    pub async fn learn(&self, platform: &PlatformName, uid: &str, account: Option<Account>) {
        let sheet = self.sheet(platform);
        let mut accounts = sheet.lock().await;
        let account = account.map(|mut account| {
            account.invitation = None;
            account
        });
        accounts.learn(uid, account.as_ref());
    }

    fn sheet(&self, platform: &PlatformName) -> Sheet {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(platform.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use operator_core::api::tenant::Usage;
    use operator_core::tenant::wire::Observed;

    use super::*;

    const LIFETIME: Duration = Duration::from_mins(2);

    fn account(uid: &str, name: &str) -> Account {
        Account {
            uid: uid.to_owned(),
            creator_id: String::new(),
            provisioned_at: String::new(),
            observed: Observed {
                display_name: name.to_owned(),
                plan: None,
                quotas: None,
                allowed_origins: Vec::new(),
                suspended: false,
                resource: None,
            },
            owner_accepted: false,
            invitation: None,
            usage: Usage::default(),
        }
    }

    fn uids() -> Vec<String> {
        (0..250).map(|number| format!("{number:03}")).collect()
    }

    fn answer_one(accounts: &mut Accounts) -> usize {
        let page = accounts.next_page().expect("a page").to_vec();
        let found: Vec<Account> = page.iter().map(|uid| account(uid, "asked")).collect();
        accounts.answered(found);
        page.len()
    }

    #[test]
    fn a_sweep_that_was_cut_off_goes_on_where_it_stopped() {
        let mut accounts = Accounts::default();
        accounts.begin(LIFETIME, uids);
        assert_eq!(answer_one(&mut accounts), 100);
        // The look is cut off here; the next one begins.
        accounts.begin(LIFETIME, || panic!("not from the start"));
        assert_eq!(accounts.next_page().expect("a page")[0], "100");
        assert_eq!(answer_one(&mut accounts), 100);
        assert_eq!(answer_one(&mut accounts), 50);
        assert_eq!(accounts.next_page(), None);
        assert!(accounts.asked.is_none(), "not before it is whole");
        accounts.finish();
        assert_eq!(accounts.by_uid.len(), 250);
        assert!(accounts.asked.is_some());
    }

    #[test]
    fn a_sweep_that_was_cut_off_long_ago_begins_again() {
        let mut accounts = Accounts::default();
        accounts.begin(LIFETIME, uids);
        answer_one(&mut accounts);
        accounts.begin(Duration::ZERO, uids);
        assert_eq!(accounts.next_page().expect("a page")[0], "000");
    }

    #[test]
    fn what_was_learnt_meanwhile_is_not_forgotten() {
        let mut accounts = Accounts::default();
        accounts.begin(LIFETIME, uids);
        answer_one(&mut accounts);
        accounts.learn("new", Some(&account("new", "learnt")));
        accounts.learn("000", Some(&account("000", "learnt")));
        accounts.learn("001", None);
        while accounts.next_page().is_some() {
            answer_one(&mut accounts);
        }
        accounts.finish();
        assert_eq!(accounts.by_uid["new"].observed.display_name, "learnt");
        assert_eq!(accounts.by_uid["000"].observed.display_name, "learnt");
        assert!(!accounts.by_uid.contains_key("001"));
        assert_eq!(accounts.by_uid["002"].observed.display_name, "asked");
    }
}
