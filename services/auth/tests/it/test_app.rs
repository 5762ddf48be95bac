//! The auth of one test, with its own database, Redis prefix and signing seed.

use auth_service::{AppState, Config};
use http::{Method, header};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use shared_auth::AccessClaims;
use shared_config::{Reader, Secret, Service, keys};
use shared_models::{CreatorId, Role, SessionId, UserId};
use shared_testkit::{Answer, Stores, TestClient, TestDatabase, all_service_keys, service_keys};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A password that satisfies all rules.
pub(crate) const PASSWORD: &str = "Lantern-7-Harbour";

pub(crate) struct TestApp {
    pub(crate) database: TestDatabase,
    pub(crate) client: TestClient,
    pub(crate) config: Config,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// Auth with other settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        let mut config = settings();
        config.database = database.settings(Service::Auth);
        let redis = stores.cache_settings();
        config.cache = stores.as_service(&redis, Service::Auth);
        change(&mut config);
        let client = client(&config);
        Self {
            database,
            client,
            config,
        }
    }

    /// The database as superuser, to inspect rows and to change their times.
    pub(crate) async fn admin(&self) -> PgPool {
        self.database.admin().await
    }

    /// Delivers the events that auth follows and that were published so far.
    pub(crate) async fn deliver_events(&self) {
        let dispatcher = auth_service::dispatcher(&AppState::new(&self.config).unwrap());
        dispatcher.register().await.unwrap();
        while dispatcher.step(&CancellationToken::new()).await.unwrap() {}
    }

    /// Registers an account.
    pub(crate) async fn register(&self, email: &str) -> Account {
        let body = json!({"email": email, "password": PASSWORD, "full_name": "Ana Lima"});
        let answer = self.client.post("/auth/v1/register", &body).await;
        Account::of(&answer.expect(http::StatusCode::CREATED))
    }

    /// Another member of an account, signed in.
    pub(crate) async fn member(&self, account: &Account, email: &str, role: Role) -> Account {
        let admin = self.admin().await;
        let user = UserId::new();
        for statement in [
            "insert into auth.users (creator_id, id, email, full_name, password_hash)
             select creator_id, $2, $3, 'Bo Marin', password_hash from auth.users
             where creator_id = $1 limit 1",
            "insert into auth.login_directory (email, tenant, user_id) values ($3, $1, $2)",
        ] {
            let query = sqlx::query(statement).bind(account.creator).bind(user);
            query.bind(email).execute(&admin).await.unwrap();
        }
        let joined = "insert into auth.memberships (creator_id, user_id, role) values ($1, $2, $3)";
        let query = sqlx::query(joined).bind(account.creator).bind(user);
        query.bind(role.as_str()).execute(&admin).await.unwrap();
        let signed_in = self.login(email, PASSWORD, "203.0.113.9").await;
        Account::of(&signed_in.expect(http::StatusCode::OK))
    }

    /// Signs in from an address.
    pub(crate) async fn login(&self, email: &str, password: &str, ip: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.post_from(ip, "/auth/v1/login", &body).await
    }

    /// POST with the client address that a gateway would add.
    pub(crate) async fn post_from(&self, ip: &str, path: &str, body: &Value) -> Answer {
        let request = self.client.request(Method::POST, path);
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-forwarded-for", ip);
        self.client
            .send(request.body(body.to_string().into()).unwrap())
            .await
    }

    /// Renews tokens.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.client
            .post("/auth/v1/refresh", &json!({"refresh_token": token}))
            .await
    }

    /// Reads the signed-in user.
    pub(crate) async fn me(&self, access_token: &str) -> Answer {
        self.client
            .with_token(access_token)
            .get("/auth/v1/me")
            .await
    }

    /// Signs claims as auth does; its key is the seed of the settings.
    pub(crate) async fn sign(&self, claims: &AccessClaims) -> String {
        const PKCS8_HEAD: [u8; 16] = [
            0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
        ];
        let seed = self.config.tokens.seed.expose();
        let key = EncodingKey::from_ed_der(&[&PKCS8_HEAD[..], &seed[..]].concat());
        let mut head = Header::new(Algorithm::EdDSA);
        let kid = &self.key_set().await.keys[0].common.key_id;
        head.kid.clone_from(kid);
        jsonwebtoken::encode(&head, claims, &key).unwrap()
    }

    pub(crate) async fn key_set(&self) -> JwkSet {
        let answer = self.client.get("/auth/.well-known/jwks.json").await;
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Claims of an account's current session, for tests to change.
    pub(crate) fn claims(&self, account: &Account) -> AccessClaims {
        let now = jsonwebtoken::get_current_timestamp().cast_signed();
        AccessClaims {
            sub: account.user,
            creator_id: account.creator,
            role: Role::Owner,
            scopes: Vec::new(),
            sid: account.session,
            jti: Uuid::new_v4(),
            iss: self.config.verifier.issuer.clone(),
            aud: self.config.verifier.audience.clone(),
            iat: now,
            exp: now + 900,
        }
    }
}

/// Another process of the same auth.
pub(crate) fn client(config: &Config) -> TestClient {
    TestClient::new(auth_service::app(AppState::new(config).unwrap()))
}

/// The response to a registration or login.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) creator: CreatorId,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Account {
    pub(crate) fn of(signed_in: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let access = text(&signed_in["tokens"]["access_token"]);
        let claims = jsonwebtoken::dangerous::insecure_decode::<AccessClaims>(&access).unwrap();
        Self {
            creator: text(&signed_in["creator"]["id"]).parse().unwrap(),
            user: text(&signed_in["user"]["id"]).parse().unwrap(),
            session: claims.claims.sid,
            refresh: text(&signed_in["tokens"]["refresh_token"]),
            access,
        }
    }
}

/// A body without its trace id, which differs between requests.
pub(crate) fn without_trace(answer: &Answer) -> Value {
    let mut body = answer.json();
    assert_ne!(body["trace_id"].take(), Value::Null, "{}", answer.text());
    body
}

/// Valid settings with a random signing seed.
fn settings() -> Config {
    let values = [
        (keys::DATABASE_HOST, "set-by-the-test"),
        (keys::DATABASE_USER, "set-by-the-test"),
        (keys::DATABASE_PASSWORD, "set-by-the-test-run"),
        (keys::REDIS_HOST, "set-by-the-test"),
        (keys::AUTH_URL, "http://127.0.0.1:1"),
        (keys::TOKEN_ISSUER, "creator-platform"),
        (keys::TOKEN_AUDIENCE, "creator-platform-api"),
        (
            keys::DATA_KEY,
            "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=",
        ),
        (
            keys::SIGNING_SEED,
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        ),
    ];
    let values = values.map(|(key, value)| (key, value.to_owned()));
    let values = values.into_iter().chain(service_keys(Service::Auth));
    let values = values.map(|(key, value)| (key.to_owned(), value));
    let mut config = Config::from_reader(Reader::from_map(values.collect())).unwrap();
    // Tests call as the other services, too.
    config.verifier.service_keys = all_service_keys();
    config.tokens.seed = Secret::new(random_seed());
    config
}

fn random_seed() -> [u8; 32] {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(first.as_bytes());
    seed[16..].copy_from_slice(second.as_bytes());
    seed
}
