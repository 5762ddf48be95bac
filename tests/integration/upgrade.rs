//! A platform of this version on the stores that an earlier version left.

mod account_checks;
mod content_checks;
mod fixture;
mod vectors;

use std::collections::BTreeMap;
use std::str::FromStr as _;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use shared_config::{Service, keys};
use shared_testkit::{Stores, TestDatabase};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, PgConnection};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) use self::fixture::Account;
pub(crate) use self::fixture::DocumentState;
use self::fixture::Fixture;
pub(crate) use self::vectors::lose as lose_vectors;
use crate::own_redis::OwnRedis;
use crate::processes::Processes;

/// What a check found wrong.
pub(crate) type Check = Result<(), String>;

/// Database, files and vectors of an earlier version, migrated; the services do not run yet.
pub(crate) struct Restored {
    pub(crate) fixture: Fixture,
    pub(crate) database: TestDatabase,
    pub(crate) uploads: TempDir,
    pub(crate) stores: Stores,
    redis: OwnRedis,
    lock: PgConnection,
}

/// The services of this version on it.
pub(crate) struct Upgraded {
    pub(crate) fixture: Fixture,
    pub(crate) all: Processes,
    /// An access token of each account's owner.
    tokens: BTreeMap<Uuid, String>,
    _redis: OwnRedis,
    // Held until the services have stopped.
    _lock: PgConnection,
}

impl Restored {
    /// Restores what that version left, in a database and an upload folder of its own, and an
    /// empty Redis. Chroma is shared, and the ids in it are fixed, so tests take turns.
    pub(crate) async fn new(version: &str) -> Self {
        Self::changed(version, "").await
    }

    /// The same after a change of what that version left, in SQL.
    pub(crate) async fn changed(version: &str, change: &str) -> Self {
        let mut stores = Stores::from_env();
        let mut lock = PgConnectOptions::from_str(&stores.postgres)
            .unwrap()
            .connect()
            .await
            .unwrap();
        sqlx::query("select pg_advisory_lock(7305128946)")
            .execute(&mut lock)
            .await
            .unwrap();
        let fixture = Fixture::read(version);
        let scripts = ["roles.sql", "database.sql", "ageing.sql"];
        let scripts = scripts.map(|name| fixture::text(version, name));
        let scripts = [&scripts[..], &[change.to_owned()]].concat();
        let database = TestDatabase::upgraded(&stores, &scripts).await;
        let uploads = TempDir::new().unwrap();
        let copied = copy(&fixture::path(version, "files"), uploads.path());
        assert_eq!(copied, fixture.files, "files of the fixture");
        let restored = vectors::restore(&stores.chroma, version).await;
        assert_eq!(restored, fixture.vectors, "vectors of the fixture");
        // An upgrade must not need anything that the earlier version left there.
        let redis = OwnRedis::start();
        stores.redis = ("127.0.0.1".to_owned(), redis.port);
        Self {
            fixture,
            database,
            uploads,
            stores,
            redis,
            lock,
        }
    }

    /// Starts the services of this version with the keys of the earlier one.
    pub(crate) async fn serve(self) -> Upgraded {
        let settings = self.fixture.settings.clone();
        let all = Processes::start_on(self.stores, self.database, self.uploads, settings).await;
        Upgraded {
            fixture: self.fixture,
            all,
            tokens: BTreeMap::new(),
            _redis: self.redis,
            _lock: self.lock,
        }
    }
}

impl Upgraded {
    /// Ends the services and deletes everything that they had but the vectors; then there is an
    /// empty platform whose secrets are encrypted with another key.
    pub(crate) fn succeeded_by(self, database: TestDatabase, data_key: &str) -> Restored {
        let Self {
            mut fixture,
            all,
            tokens: _,
            _redis: _,
            _lock: lock,
        } = self;
        let mut stores = all.stores.clone();
        drop(all);
        let redis = OwnRedis::start();
        stores.redis = ("127.0.0.1".to_owned(), redis.port);
        let key = keys::DATA_KEY.to_owned();
        fixture.settings.insert(key, data_key.to_owned());
        Restored {
            fixture,
            database,
            uploads: TempDir::new().unwrap(),
            stores,
            redis,
            lock,
        }
    }

    /// Runs every check, since an upgrade that fails is understood by all that it broke.
    pub(crate) async fn check(&mut self) -> BTreeMap<&'static str, Check> {
        let suspension = account_checks::suspension(self).await;
        let sessions = account_checks::sessions(self).await;
        let up = &*self;
        BTreeMap::from([
            ("suspension", suspension),
            ("sessions", sessions),
            ("second_factor", account_checks::second_factor(up).await),
            ("api_keys", account_checks::api_keys(up).await),
            ("signing_keys", account_checks::signing_keys(up).await),
            ("emails", account_checks::emails(up).await),
            ("invites", account_checks::invites(up).await),
            ("consents", account_checks::consents(up).await),
            ("audit", account_checks::audit(up).await),
            ("documents", content_checks::documents(up).await),
            ("by_words", content_checks::by_words(up).await),
            ("by_meaning", content_checks::by_meaning(up).await),
            ("in_progress", content_checks::in_progress(up).await),
            ("conversations", content_checks::conversations(up).await),
            ("answers", content_checks::answers(up).await),
            ("repetition", content_checks::repetition(up).await),
            ("exports", content_checks::exports(up).await),
        ])
    }

    fn request(&self, method: Method, service: Service, path: &str) -> RequestBuilder {
        self.all.http.request(method, self.all.url(service, path))
    }

    /// A request of an account's owner.
    pub(crate) fn as_owner(
        &self,
        account: &Account,
        method: Method,
        service: Service,
        path: &str,
    ) -> RequestBuilder {
        let token = self.tokens.get(&account.creator_id);
        let token = token.map_or("no session", String::as_str);
        self.request(method, service, path).bearer_auth(token)
    }
}

/// Sends a request; status and body of the answer.
async fn send(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, body)
}

/// Sends a request whose answer must have that status; the body.
async fn expect(request: RequestBuilder, status: u16, what: &str) -> Result<Value, String> {
    let (found, body) = send(request).await;
    if found.as_u16() == status {
        Ok(body)
    } else {
        Err(format!("{what}: {found} instead of {status}: {body}"))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "both are made for the comparison"
)]
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Check {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?} instead of {expected:?}"))
    }
}

/// Copies a folder; how many files there were.
fn copy(from: &std::path::Path, to: &std::path::Path) -> usize {
    let mut copied = 0;
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copied += copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
            copied += 1;
        }
    }
    copied
}
