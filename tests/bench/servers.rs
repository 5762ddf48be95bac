//! Servers of this process on loopback, set up as the operator does, and with the layers that
//! every service has.

use std::net::SocketAddr;
use std::path::Path;

use axum::extract::FromRef as _;
use axum::{Router, middleware};
use shared_auth::TokenVerifier;
use shared_cache::{Cache, CacheSettings};
use shared_config::{CALLS, Reader, Service, keys};
use shared_db::DatabaseSettings;
use shared_models::CreatorId;
use shared_testkit::{Revoker, Stores, TestDatabase, TokenMint};
use shared_web::{Limiter, app, rate_limit};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Connections that ask at the same time: enough to keep two cores busy.
pub(crate) const AT_ONCE: usize = 4;
/// Callers that each connection speaks for in turn.
pub(crate) const CALLERS: usize = 4;
/// Requests of one caller in one round, which the limit of a caller lets through at once.
pub(crate) const OF_CALLER: usize = 250;

/// The runtime of the servers, and the stores behind them.
pub(crate) struct Platform {
    pub(crate) runtime: Runtime,
    pub(crate) stores: Stores,
    pub(crate) database: TestDatabase,
    pub(crate) cache: CacheSettings,
    /// Without an epoch, services would ask Redis at each request.
    _epoch: DropGuard,
}

impl Platform {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let stores = Stores::from_env();
        let database = runtime.block_on(TestDatabase::new(&stores));
        let cache = stores.cache_settings();
        let inside = runtime.enter();
        let epoch = Revoker::new(&database, &cache).run();
        drop(inside);
        Self {
            runtime,
            stores,
            database,
            cache,
            _epoch: epoch,
        }
    }

    /// Serves as `shared_web::serve` does.
    pub(crate) fn serve(&self, router: Router) -> SocketAddr {
        self.runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(axum::serve(listener, service).into_future());
            address
        })
    }

    /// The settings with which a service connects; as many connections as without settings.
    pub(crate) fn database(&self, service: Service) -> DatabaseSettings {
        DatabaseSettings {
            max_connections: 10,
            ..self.database.settings(service)
        }
    }

    /// Redis, with keys that nobody else has.
    pub(crate) fn cache(&self) -> Cache {
        let _inside = self.runtime.enter();
        Cache::new(&self.cache).unwrap()
    }

    /// Auth, and its settings.
    pub(crate) fn auth(&self) -> (SocketAddr, auth_service::Config, TokenVerifier) {
        let mut config = auth_service::Config::from_reader(reader()).unwrap();
        config.database = self.database(Service::Auth);
        config.cache = self.cache.clone();
        let _inside = self.runtime.enter();
        let state = auth_service::AppState::new(&config).unwrap();
        let verifier = TokenVerifier::from_ref(&state);
        (self.serve(auth_service::app(state)), config, verifier)
    }

    /// Creator-hub, and how it verifies its callers.
    pub(crate) fn creator_hub(
        &self,
        mint: &TokenMint,
        folder: &Path,
    ) -> (SocketAddr, TokenVerifier) {
        let mut config = creator_hub_service::Config::from_reader(reader()).unwrap();
        config.database = self.database(Service::CreatorHub);
        config.cache = self.cache.clone();
        config.verifier = mint.settings("http://127.0.0.1:1");
        folder.clone_into(&mut config.upload_dir);
        let _inside = self.runtime.enter();
        let stop = CancellationToken::new();
        let state = creator_hub_service::AppState::new(&config, stop).unwrap();
        let verifier = TokenVerifier::from_ref(&state);
        verifier.replace_keys(&mint.key_set());
        (self.serve(creator_hub_service::app(state)), verifier)
    }

    /// Forgets what was counted for those accounts, so that no limit ends the next round.
    pub(crate) fn forget(&self, cache: &Cache, creators: &[CreatorId]) {
        self.runtime.block_on(async {
            for creator in creators {
                cache.forget_tenant(*creator).await.unwrap();
            }
        });
    }

    /// The layers of a service around routes that are counted.
    pub(crate) fn counted(&self, verifier: &TokenVerifier, router: Router) -> Router {
        let limiter = Limiter::new(self.cache(), verifier.clone());
        let counted = middleware::from_fn_with_state(limiter, rate_limit::enforce);
        app::with_default_layers(router.layer(counted))
    }
}

/// Settings that every service accepts; the stores are filled in after.
fn reader() -> Reader {
    let values = [
        (keys::DATABASE_HOST, "set-by-the-bench"),
        (keys::DATABASE_USER, "set-by-the-bench"),
        (keys::DATABASE_PASSWORD, "set-by-the-bench-run"),
        (keys::REDIS_HOST, "set-by-the-bench"),
        (keys::AUTH_URL, "http://127.0.0.1:1"),
        (keys::AI_ENGINE_URL, "http://127.0.0.1:1"),
        (keys::TOKEN_ISSUER, "creator-platform"),
        (keys::TOKEN_AUDIENCE, "creator-platform-api"),
        (keys::UPLOAD_DIR, "/set-by-the-bench"),
        (
            keys::DATA_KEY,
            "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=",
        ),
        (
            keys::SIGNING_SEED,
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ),
    ];
    let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let keys = CALLS.map(|call| (call.key.to_owned(), "0123456789abcdef".repeat(2)));
    Reader::from_map(values.into_iter().chain(keys).collect())
}
