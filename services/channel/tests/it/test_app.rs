//! A running channel service with its own database, Redis prefix and fake ai-engine.

use std::net::SocketAddr;

use axum::http::{Method, StatusCode, header};
use axum::serve::ListenerExt as _;
use channel_service::{AppState, Config, SocketCaps, app};
use serde_json::{Value, json};
use shared_auth::TokenVerifier;
use shared_cache::{Cache, CacheSettings};
use shared_config::{Secret, Service};
use shared_jobs::retention::RetentionSettings;
use shared_models::CreatorId;
use shared_quota::QuotaGuard;
use shared_testkit::{Answer, Stores, TestClient, TestDatabase, TokenMint};
use shared_web::cors::CorsOrigins;
use shared_web::serve::ServeSettings;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake_ai_engine::FakeAiEngine;
use crate::widget_client::WidgetClient;

/// The page that embeds the widget in most tests.
pub(crate) const PAGE: &str = "https://www.example.com";
/// Signs visitors' tokens in tests.
pub(crate) const WIDGET_KEY: &str = "kZ4mW8rT1vX6yB3nC9dF2gH7jL0pQ5sU";

/// The service of one test.
pub(crate) struct TestApp {
    pub(crate) config: Config,
    pub(crate) mint: TokenMint,
    pub(crate) ai_engine: FakeAiEngine,
    /// The account that the test's requests belong to.
    pub(crate) creator: CreatorId,
    pub(crate) replica: Replica,
    pub(crate) database: TestDatabase,
    /// Redis without the limits of the service's user.
    pub(crate) redis: CacheSettings,
}

/// One process of the service, except that replicas share the test's process.
pub(crate) struct Replica {
    pub(crate) client: TestClient,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) drained: JoinHandle<()>,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        let mint = TokenMint::new();
        let ai_engine = FakeAiEngine::start(&mint).await;
        let url = format!("http://{}", ai_engine.address);
        Self::with(mint, ai_engine, &url, |_| {}).await
    }

    /// A service with another address of ai-engine and changed settings.
    pub(crate) async fn with(
        mint: TokenMint,
        ai_engine: FakeAiEngine,
        ai_engine_url: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let stores = Stores::from_env();
        let redis = stores.cache_settings();
        let database = TestDatabase::new(&stores).await;
        let any_port: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut config = Config {
            serve: ServeSettings {
                listen: any_port,
                metrics: any_port,
                log_level: "info".to_owned(),
                cors: CorsOrigins::default(),
                proxies: shared_web::TrustedProxies::default(),
            },
            database: database.settings(Service::Channel),
            retention: RetentionSettings::defaults(Service::Channel),
            cache: stores.as_service(&redis, Service::Channel),
            verifier: mint.settings("http://127.0.0.1:1"),
            ai_engine_url: ai_engine_url.to_owned(),
            creator_hub_url: "http://127.0.0.1:1".to_owned(),
            public_url: "https://platform.example".to_owned(),
            widget_token_key: Secret::new(WIDGET_KEY.to_owned()),
            demo_page: true,
            sockets: SocketCaps::of(1_500, 100),
            quotas: QuotaGuard::default(),
        };
        change(&mut config);
        let replica = Replica::start(&config, &mint).await;
        Self {
            config,
            mint,
            ai_engine,
            creator: CreatorId::new(),
            replica,
            database,
            redis,
        }
    }

    /// Another replica on the same stores.
    pub(crate) async fn another_replica(&self) -> Replica {
        Replica::start(&self.config, &self.mint).await
    }

    /// Replaces the replica by one that checks revocations.
    pub(crate) async fn use_revocations(&mut self) {
        let cache = Cache::new(&self.config.cache).unwrap();
        let db = self.database.as_service(Service::Channel);
        let verifier = self.mint.verifier(Service::Channel);
        let verifier = verifier.with_revocations(cache, &db);
        self.replica = Replica::with_verifier(&self.config, verifier).await;
    }

    /// Replaces the replica by one with another configuration.
    pub(crate) async fn use_config(&mut self, config: &Config) {
        self.replica = Replica::start(config, &self.mint).await;
    }

    /// A client of the account's owner.
    pub(crate) fn owner(&self) -> TestClient {
        self.replica
            .client
            .with_token(&self.mint.owner(self.creator))
    }

    /// A client of another account's owner.
    pub(crate) fn other_tenant(&self) -> TestClient {
        self.replica
            .client
            .with_token(&self.mint.owner(CreatorId::new()))
    }

    /// A connection to the database as superuser.
    pub(crate) async fn admin(&self) -> PgPool {
        self.database.admin().await
    }

    /// Creates a widget that `PAGE` may embed; returns its id.
    pub(crate) async fn create_widget(&self) -> String {
        self.create_widget_with(&json!({"allowed_origins": [PAGE], "messages_per_minute": 100}))
            .await
    }

    /// Creates a widget with those settings; returns its id.
    pub(crate) async fn create_widget_with(&self, widget: &Value) -> String {
        let new = json!({"kind": "web_widget", "name": "Harbour assistant", "widget": widget});
        let answer = self.owner().post("/channels/v1/channels", &new).await;
        let channel = answer.expect(StatusCode::CREATED);
        channel["id"].as_str().unwrap().to_owned()
    }

    /// Requests a session as a page does.
    pub(crate) async fn request_session(
        &self,
        channel: &str,
        origin: &str,
        body: &Value,
    ) -> Answer {
        let path = format!("/channels/v1/widget/{channel}/sessions");
        let request = self
            .replica
            .client
            .request(Method::POST, &path)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ORIGIN, origin);
        let request = request.body(body.to_string().into()).unwrap();
        self.replica.client.send(request).await
    }

    /// Starts a new visitor's session.
    pub(crate) async fn start_session(&self, channel: &str) -> Value {
        let answer = self.request_session(channel, PAGE, &json!({})).await;
        answer.expect(StatusCode::CREATED)
    }

    /// Connects a session's socket and reads the status frame.
    pub(crate) async fn connect(&self, channel: &str, session: &Value) -> WidgetClient {
        let mut client = self.replica.connect(channel, session, 0).await;
        assert_eq!(client.next().await["type"], "status");
        client
    }
}

impl Replica {
    async fn start(config: &Config, mint: &TokenMint) -> Self {
        Self::with_verifier(config, mint.verifier(Service::Channel)).await
    }

    async fn with_verifier(config: &Config, verifier: TokenVerifier) -> Self {
        let stop = CancellationToken::new();
        let state = AppState::new(config, stop.clone()).unwrap();
        let state = state.with_verifier(verifier);
        let router = app(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // As in the service: otherwise a frame after an ack waits 40 ms for the client's kernel.
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        let client = TestClient::new(router.clone());
        let serving = axum::serve(
            listener,
            router.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(serving.into_future());
        let jobs = channel_service::run_jobs(state.clone());
        let drained = tokio::spawn(async move {
            tokio::join!(state.drained(), jobs);
        });
        Self {
            client,
            address,
            stop,
            drained,
        }
    }

    /// Connects a socket; its first frame will be the status.
    pub(crate) async fn connect(&self, channel: &str, session: &Value, since: i64) -> WidgetClient {
        let token = session["token"].as_str().unwrap();
        WidgetClient::connect(self.address, channel, token, since, PAGE)
            .await
            .expect("the socket is upgraded")
    }
}
