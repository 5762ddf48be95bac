//! The four real services as processes on real stores, which can be killed and started again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shared_auth::{TokenVerifier, VerifierSettings};
use shared_config::{Service, keys, wiring};
use shared_models::CreatorId;
use shared_rpc::http_client;
use shared_testkit::{Stores, TestDatabase, all_service_keys, service_keys};
use tempfile::TempDir;
use uuid::Uuid;

use crate::ports;

/// A password that breaks no rule.
pub(crate) const PASSWORD: &str = "Lantern-7-Harbour";
const WIDGET_KEY: &str = "kZ4mW8rT1vX6yB3nC9dF2gH7jL0pQ5sU";
const PROVISIONING_TOKEN: &str = "T7rQ2mZ9vK4xW1cB8nL5sD3fG6hJ0pYa";
const DATA_KEY: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

/// All four services.
pub(crate) struct Processes {
    pub(crate) stores: Stores,
    pub(crate) database: TestDatabase,
    pub(crate) uploads: TempDir,
    pub(crate) http: Client,
    ports: BTreeMap<Service, u16>,
    tenants_port: u16,
    /// What stands in place of the settings of every test.
    settings: BTreeMap<String, String>,
    pub(crate) running: BTreeMap<Service, Child>,
}

/// A registered account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) creator: CreatorId,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

impl Processes {
    /// Starts them on an empty platform and waits until each is ready.
    pub(crate) async fn start() -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        // Its own, since a key that leaked is refused by all who share Redis.
        let seed = [*Uuid::new_v4().as_bytes(), *Uuid::new_v4().as_bytes()].concat();
        let seed = (keys::SIGNING_SEED.to_owned(), BASE64_STANDARD.encode(seed));
        let settings = BTreeMap::from([seed]);
        Self::start_on(stores, database, TempDir::new().unwrap(), settings).await
    }

    /// Starts them on stores that hold something already, and waits until each is ready.
    pub(crate) async fn start_on(
        stores: Stores,
        database: TestDatabase,
        uploads: TempDir,
        settings: BTreeMap<String, String>,
    ) -> Self {
        // All are held at once, so that no two are the same.
        let listeners = Service::ALL.map(|_| ports::listen());
        let ports = Service::ALL.into_iter().zip(&listeners);
        let ports = ports
            .map(|(service, listener)| (service, listener.local_addr().unwrap().port()))
            .collect();
        let tenants = ports::listen();
        let tenants_port = tenants.local_addr().unwrap().port();
        drop((listeners, tenants));
        let mut all = Self {
            stores,
            database,
            uploads,
            http: http_client::new().unwrap(),
            ports,
            tenants_port,
            settings,
            running: BTreeMap::new(),
        };
        for service in Service::ALL {
            all.run(service);
        }
        for service in Service::ALL {
            all.ready(service).await;
        }
        all
    }

    /// Starts one.
    pub(crate) fn run(&mut self, service: Service) {
        let child = Command::new(binary(service))
            .arg("serve")
            .env_clear()
            .envs(service_keys(service))
            .envs(self.environment(service))
            .envs(&self.settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running.insert(service, child);
    }

    /// Kills one, as a node that fails does.
    pub(crate) fn kill(&mut self, service: Service) {
        if let Some(mut child) = self.running.remove(&service) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// The most that one ever had in memory, as the kernel counts it.
    pub(crate) fn most_memory_kib(&self, service: Service) -> u64 {
        let status = format!("/proc/{}/status", self.running[&service].id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    }

    /// Waits until one is ready.
    pub(crate) async fn ready(&self, service: Service) {
        let url = self.url(service, wiring::READYZ);
        for _ in 0..300 {
            let answer = self.http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{} did not become ready", service.name());
    }

    /// A path of a service, below its prefix.
    pub(crate) fn url(&self, service: Service, path: &str) -> String {
        format!("{}{}{path}", self.base(service), service.prefix())
    }

    fn base(&self, service: Service) -> String {
        format!("http://127.0.0.1:{}", self.ports[&service])
    }

    fn environment(&self, service: Service) -> BTreeMap<&'static str, String> {
        let database = self.database.settings(service);
        let text = str::to_owned;
        BTreeMap::from([
            (
                keys::LISTEN_ADDR,
                format!("127.0.0.1:{}", self.ports[&service]),
            ),
            (keys::METRICS_ADDR, text("127.0.0.1:0")),
            (
                keys::INTERNAL_LISTEN_ADDR,
                format!("127.0.0.1:{}", self.tenants_port),
            ),
            (keys::PROVISIONING_TOKEN, text(PROVISIONING_TOKEN)),
            (keys::DATABASE_HOST, database.host),
            (keys::DATABASE_PORT, database.port.to_string()),
            (keys::DATABASE_NAME, database.name),
            (keys::DATABASE_USER, database.user),
            (keys::DATABASE_PASSWORD, database.password.expose().clone()),
            (keys::DATABASE_SSL_MODE, text("disable")),
            (keys::REDIS_HOST, self.stores.redis.0.clone()),
            (keys::REDIS_PORT, self.stores.redis.1.to_string()),
            (keys::AUTH_URL, self.base(Service::Auth)),
            (keys::CREATOR_HUB_URL, self.base(Service::CreatorHub)),
            (keys::AI_ENGINE_URL, self.base(Service::AiEngine)),
            (keys::CHANNEL_URL, self.base(Service::Channel)),
            (keys::OLLAMA_URL, self.stores.ollama.clone()),
            (keys::CHROMA_URL, self.stores.chroma.clone()),
            (keys::PUBLIC_URL, text("http://127.0.0.1:1")),
            (keys::TOKEN_ISSUER, text("creator-platform")),
            (keys::TOKEN_AUDIENCE, text("creator-platform-api")),
            (keys::DATA_KEY, text(DATA_KEY)),
            (keys::ERASURE_GRACE_SECONDS, text("0")),
            (keys::CHAT_MODEL, text("tiny-llama")),
            (keys::EMBEDDING_MODEL, text("all-minilm")),
            (keys::WIDGET_TOKEN_KEY, text(WIDGET_KEY)),
            (keys::UPLOAD_DIR, self.uploads.path().display().to_string()),
        ])
    }

    /// Has auth make an account as a resource wants it, as the operator does.
    pub(crate) async fn provision(&self, uid: Uuid, wish: &Value) -> Value {
        let port = self.tenants_port;
        let url = format!("http://127.0.0.1:{port}/internal/v1/tenants/{uid}");
        let token = self.settings.get(keys::PROVISIONING_TOKEN);
        let token = token.map_or(PROVISIONING_TOKEN, String::as_str);
        let put = self.http.put(url).bearer_auth(token);
        let answer = put.json(wish).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.json().await.unwrap()
    }

    /// Runs a command of a service's binary to its end.
    pub(crate) fn command(&self, service: Service, arguments: &[&str]) {
        let said = self.output(service, arguments);
        assert!(said.is_ok(), "{arguments:?}: {said:?}");
    }

    /// What a command of a service's binary prints, or what it complains of.
    pub(crate) fn output(&self, service: Service, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(binary(service));
        let command = command.args(arguments).env_clear();
        let command = command.envs(service_keys(service));
        let command = command.envs(self.environment(service));
        let output = command.envs(&self.settings).output();
        let output = output.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// A token with which auth calls a service for a tenant.
    pub(crate) fn auths_token(&self, target: Service, creator: CreatorId) -> String {
        let settings = VerifierSettings {
            issuer: "creator-platform".to_owned(),
            audience: "creator-platform-api".to_owned(),
            auth_url: self.base(Service::Auth),
            service_keys: all_service_keys(),
        };
        let auth = TokenVerifier::new(Service::Auth, settings, self.http.clone());
        auth.signer().tenant_token(target, creator).unwrap()
    }

    /// Registers an account whose names carry a word.
    pub(crate) async fn register(&self, word: &str) -> Account {
        let email = format!("{word}@example.com");
        let body = json!({
            "email": email, "password": PASSWORD, "full_name": format!("Ana {word}"),
        });
        let url = self.url(Service::Auth, "/v1/register");
        // Of one address few are let in, and the stores may have served other tests before.
        let [a, b, ..] = *Uuid::new_v4().as_bytes();
        let register = self.http.post(url).json(&body);
        let register = register.header("x-forwarded-for", format!("198.18.{a}.{b}"));
        let made = call(register, StatusCode::CREATED).await;
        Account::of(&made)
    }
}

impl Account {
    /// What an answer to a sign-in says.
    pub(crate) fn of(signed_in: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tokens = &signed_in["tokens"];
        Self {
            creator: text(&signed_in["creator"]["id"]).parse().unwrap(),
            email: text(&signed_in["user"]["email"]),
            token: text(&tokens["access_token"]),
            refresh_token: text(&tokens["refresh_token"]),
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for service in Service::ALL {
            self.kill(service);
        }
    }
}

/// Sends a request, asserts the status and gives the JSON.
pub(crate) async fn call(request: RequestBuilder, status: StatusCode) -> Value {
    let response = request.send().await.unwrap();
    let (found, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

/// The binary of a service, which a build of the workspace puts beside this one.
fn binary(service: Service) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let folder = here.parent().unwrap().parent().unwrap();
    let path = folder.join(service.binary());
    assert!(path.exists(), "{}: build the workspace", path.display());
    path
}
