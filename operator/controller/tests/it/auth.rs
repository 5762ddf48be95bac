//! A real auth on real stores, and a proxy before it by which an operator's calls to it are broken.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use shared_config::{Call, Service, keys};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::wire::{Calls, Fate};
use crate::world::PATIENCE;

static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A real auth on a database of its own.
pub(crate) struct Auth {
    process: Child,
    command: Command,
    database: String,
    pub(crate) public: String,
    pub(crate) inside: String,
}

impl Auth {
    pub(crate) async fn start(token: &str) -> Self {
        let database = format!("tenants_{}", jiff::Timestamp::now().as_nanosecond());
        let mut migrate = Command::new(binary("migrate"));
        connection(&mut migrate, &database);
        for key in [
            keys::MIGRATOR_PASSWORD,
            keys::AUTH_DATABASE_PASSWORD,
            keys::CREATOR_HUB_DATABASE_PASSWORD,
            keys::AI_ENGINE_DATABASE_PASSWORD,
            keys::CHANNEL_DATABASE_PASSWORD,
        ] {
            migrate.env(key, ROLE_PASSWORD);
        }
        // Two migrations of one server at once trip over its roles.
        let turn = ONE_AT_A_TIME.lock().await;
        let migrated = tokio::task::spawn_blocking(move || migrate.output().unwrap());
        let migrated = migrated.await.unwrap();
        drop(turn);
        let words = String::from_utf8_lossy(&migrated.stdout).into_owned();
        assert!(migrated.status.success(), "{words}");
        let (public, inside) = (free_address(), free_address());
        let mut command = serving(&database, &public, &inside, token);
        let process = command.spawn().unwrap();
        let mut auth = Self {
            process,
            command,
            database,
            public: format!("http://{public}"),
            inside: format!("http://{inside}"),
        };
        auth.until_it_answers().await;
        auth
    }

    async fn until_it_answers(&mut self) {
        let began = Instant::now();
        let url = format!("{}/internal/v1/tenants", self.inside);
        while reqwest::get(&url).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "auth does not start");
            assert!(self.process.try_wait().unwrap().is_none(), "auth ended");
            sleep(Duration::from_millis(30)).await;
        }
    }

    /// As a power cut does.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// On the same ports, with the same database.
    pub(crate) async fn start_again(&mut self) {
        self.process = self.command.spawn().unwrap();
        self.until_it_answers().await;
    }

    /// Asks or changes the database as superuser.
    pub(crate) fn sql(&self, statement: &str) -> String {
        let url = stores("TEST_DATABASE_URL");
        let (server, _) = url.rsplit_once('/').unwrap();
        let output = Command::new("psql")
            .args([&format!("{server}/{}", self.database), "-qtAc", statement])
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {words}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// POST to auth's public API; the status and the body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.public);
        let answer = reqwest::Client::new().post(url).json(body).send().await;
        let answer = answer.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

impl Drop for Auth {
    fn drop(&mut self) {
        self.kill();
    }
}

const ROLE_PASSWORD: &str = "a-role-of-the-test-run";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn serving(database: &str, public: &str, inside: &str, token: &str) -> Command {
    let mut command = Command::new(binary(Service::Auth.binary()));
    connection(&mut command, database);
    let redis = stores("TEST_REDIS_URL");
    let (host, port) = redis["redis://".len()..]
        .trim_end_matches('/')
        .rsplit_once(':')
        .unwrap();
    command
        .env(keys::LISTEN_ADDR, public)
        .env(keys::INTERNAL_LISTEN_ADDR, inside)
        .env(keys::METRICS_ADDR, "127.0.0.1:0")
        .env(keys::DATABASE_USER, Service::Auth.database_role())
        .env(keys::DATABASE_PASSWORD, ROLE_PASSWORD)
        .env(keys::REDIS_HOST, host)
        .env(keys::REDIS_PORT, port)
        .env(keys::AUTH_URL, format!("http://{public}"))
        .env(keys::TOKEN_ISSUER, "issuer")
        .env(keys::TOKEN_AUDIENCE, "audience")
        .envs(Call::of(Service::Auth).map(|call| (call.key, "0123456789abcdef0123456789abcdef")))
        .env(keys::PROVISIONING_TOKEN, token)
        .env(keys::SIGNING_SEED, KEY)
        .env(keys::DATA_KEY, KEY)
        .stdout(Stdio::null());
    command
}

fn connection(command: &mut Command, database: &str) {
    let url = stores("TEST_DATABASE_URL");
    let (login, address) = url["postgres://".len()..].split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (host, port) = address.split('/').next().unwrap().split_once(':').unwrap();
    command
        .env(keys::ADMIN_USER, user)
        .env(keys::ADMIN_PASSWORD, password)
        .env(keys::DATABASE_HOST, host)
        .env(keys::DATABASE_PORT, port)
        .env(keys::DATABASE_NAME, database)
        .env(keys::DATABASE_SSL_MODE, "disable");
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the stores of a test run are"
)]
fn stores(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make test`"))
}

/// `TENANT_TEST_BINARIES` names another folder, such as that of a release build.
fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("TENANT_TEST_BINARIES").map_or_else(
        || {
            let own = std::env::current_exe().unwrap();
            own.parent().unwrap().parent().unwrap().to_owned()
        },
        PathBuf::from,
    );
    let file = folder.join(name);
    assert!(file.exists(), "{}: cargo build --workspace", file.display());
    file
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[derive(Clone)]
struct Proxy {
    calls: Calls,
    behind: String,
    http: reqwest::Client,
}

/// Stands between one operator and auth, so that their calls can be broken, too.
pub(crate) async fn proxy(calls: Calls, behind: String) -> String {
    let proxy = Proxy {
        calls,
        behind,
        http: reqwest::Client::new(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().fallback(pass_on).with_state(proxy);
    let _serving: JoinHandle<_> =
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

async fn pass_on(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let fate = proxy.calls.decide(&parts.method, &parts.uri.to_string());
    if fate == Fate::Refuse {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    // A rival of ours does not know auth's token, and auth reads its own database: what it says
    // is never outdated.
    if let Fate::Busy(busy) = fate {
        proxy.calls.note(parts.method, &parts.uri, busy.status);
        let mut headers = HeaderMap::new();
        if busy.retry_after {
            headers.insert("retry-after", HeaderValue::from_static("1"));
        }
        let status = StatusCode::from_u16(busy.status).unwrap();
        return (status, headers).into_response();
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let url = format!("{}{}", proxy.behind, parts.uri);
    let mut passed = proxy.http.request(parts.method.clone(), url).body(body);
    for name in ["authorization", "content-type"] {
        if let Some(value) = parts.headers.get(name) {
            passed = passed.header(name, value);
        }
    }
    let Ok(answer) = passed.send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let status = answer.status();
    proxy.calls.note(parts.method, &parts.uri, status.as_u16());
    let body = answer.bytes().await.unwrap_or_default();
    if fate == Fate::LoseAnswer {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    (
        status,
        [("content-type", "application/json")],
        Body::from(body),
    )
        .into_response()
}
