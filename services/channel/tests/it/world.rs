//! A running channel service with its own database, Redis prefix and ai-engine.

use std::net::SocketAddr;

use axum::http::{Method, StatusCode, header};
use channel_service::{AppState, Config, app};
use serde_json::{Value, json};
use shared_auth::TokenVerifier;
use shared_cache::Cache;
use shared_config::{Secret, Service};
use shared_models::CreatorId;
use shared_testkit::{Answer, Stores, TestClient, TestDatabase, TokenMint};
use shared_web::cors::CorsOrigins;
use shared_web::serve::ServeSettings;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::talk::Talk;

/// The page that embeds the widget in most tests.
pub(crate) const PAGE: &str = "https://www.example.com";
/// The key that signs visitor tokens here.
pub(crate) const WIDGET_KEY: &str = "kZ4mW8rT1vX6yB3nC9dF2gH7jL0pQ5sU";

/// One test's service.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) mint: TokenMint,
    pub(crate) engine: Engine,
    pub(crate) creator: CreatorId,
    pub(crate) replica: Replica,
    database: TestDatabase,
}

/// One process of the service, as far as a test can tell.
pub(crate) struct Replica {
    pub(crate) client: TestClient,
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) drained: JoinHandle<()>,
}

impl World {
    /// A service with everything it needs.
    pub(crate) async fn new() -> Self {
        let mint = TokenMint::new();
        let engine = Engine::start(&mint).await;
        let url = format!("http://{}", engine.address);
        Self::with(mint, engine, &url, |_| {}).await
    }

    /// A service with another address of ai-engine, and settings changed at will.
    pub(crate) async fn with(
        mint: TokenMint,
        engine: Engine,
        ai_engine_url: &str,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let mut config = Config {
            serve: ServeSettings {
                listen: any,
                metrics: any,
                log_level: "info".to_owned(),
                cors: CorsOrigins::default(),
            },
            database: database.settings(Service::Channel),
            cache: stores.cache_settings(),
            verifier: mint.settings("http://127.0.0.1:1"),
            ai_engine_url: ai_engine_url.to_owned(),
            public_url: "https://platform.example".to_owned(),
            widget_token_key: Secret::new(WIDGET_KEY.to_owned()),
            demo_page: true,
        };
        change(&mut config);
        let replica = Replica::start(&config, &mint).await;
        Self {
            config,
            mint,
            engine,
            creator: CreatorId::new(),
            replica,
            database,
        }
    }

    /// Another process on the same stores.
    pub(crate) async fn another_replica(&self) -> Replica {
        Replica::start(&self.config, &self.mint).await
    }

    /// From now on a process that heeds revocations.
    pub(crate) async fn heed_revocations(&mut self) {
        let cache = Cache::new(&self.config.cache).unwrap();
        let verifier = self.mint.verifier(Service::Channel).with_revocations(cache);
        self.replica = Replica::verifying(&self.config, verifier).await;
    }

    /// The creator of this world, as a caller.
    pub(crate) fn owner(&self) -> TestClient {
        self.replica
            .client
            .with_token(&self.mint.owner(self.creator))
    }

    /// Somebody else's account.
    pub(crate) fn stranger(&self) -> TestClient {
        self.replica
            .client
            .with_token(&self.mint.owner(CreatorId::new()))
    }

    /// The database as superuser.
    pub(crate) async fn admin(&self) -> PgPool {
        self.database.admin().await
    }

    /// Opens a widget that the page may embed; gives its id.
    pub(crate) async fn widget(&self) -> String {
        self.widget_of(&json!({"allowed_origins": [PAGE], "messages_per_minute": 100}))
            .await
    }

    /// Opens a widget with those settings.
    pub(crate) async fn widget_of(&self, widget: &Value) -> String {
        let new = json!({"kind": "web_widget", "name": "Harbour assistant", "widget": widget});
        let answer = self.owner().post("/channels/v1/channels", &new).await;
        let channel = answer.expect(StatusCode::CREATED);
        channel["id"].as_str().unwrap().to_owned()
    }

    /// Asks for a session as a page does.
    pub(crate) async fn ask_session(&self, channel: &str, origin: &str, body: &Value) -> Answer {
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

    /// A new visitor's session.
    pub(crate) async fn session(&self, channel: &str) -> Value {
        let answer = self.ask_session(channel, PAGE, &json!({})).await;
        answer.expect(StatusCode::CREATED)
    }

    /// Connects a session's socket and reads its status.
    pub(crate) async fn talk(&self, channel: &str, session: &Value) -> Talk {
        let mut talk = self.replica.connect(channel, session, 0).await;
        assert_eq!(talk.next().await["type"], "status");
        talk
    }
}

impl Replica {
    async fn start(config: &Config, mint: &TokenMint) -> Self {
        Self::verifying(config, mint.verifier(Service::Channel)).await
    }

    async fn verifying(config: &Config, verifier: TokenVerifier) -> Self {
        let stop = CancellationToken::new();
        let state = AppState::new(config, stop.clone()).unwrap();
        let state = state.with_verifier(verifier);
        let router = app(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = TestClient::new(router.clone());
        let serving = axum::serve(
            listener,
            router.into_make_service_with_connect_info::<SocketAddr>(),
        )
        .with_graceful_shutdown(stop.clone().cancelled_owned());
        tokio::spawn(serving.into_future());
        let drained = tokio::spawn(state.drained());
        Self {
            client,
            address,
            stop,
            drained,
        }
    }

    /// Connects a socket; the status is the first frame.
    pub(crate) async fn connect(&self, channel: &str, session: &Value, since: i64) -> Talk {
        let token = session["token"].as_str().unwrap();
        Talk::connect(self.address, channel, token, since, PAGE)
            .await
            .expect("an upgrade")
    }
}
