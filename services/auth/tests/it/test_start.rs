//! The binary: its messages when it cannot start, and its shutdown.

use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use shared_config::{Service, keys};
use shared_rpc::http_client;
use shared_testkit::service_keys;

use crate::test_app::TestApp;

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command.env_clear();
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn without_settings_the_binary_names_them_all_and_fails() {
    let output = binary().output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for key in [
        keys::DATABASE_HOST,
        keys::REDIS_HOST,
        keys::SIGNING_SEED,
        keys::DATA_KEY,
        keys::AUTH_TO_CHANNEL_KEY,
        keys::CHANNEL_TO_AUTH_KEY,
        keys::TOKEN_ISSUER,
        keys::AUTH_URL,
    ] {
        assert!(said(&output).contains(key), "{key}: {}", said(&output));
    }
}

#[test]
fn the_binary_prints_its_openapi_document_without_settings() {
    let output = binary().arg("openapi").output().unwrap();
    assert!(output.status.success());
    assert_eq!(said(&output), format!("{}\n", auth_service::openapi()));
    assert_eq!(
        binary().arg("dance").output().unwrap().status.code(),
        Some(1)
    );
}

/// The command that serves with the database of the test.
fn serving(app: &TestApp, listen: &str) -> Command {
    let database = app.database.settings(Service::Auth);
    let mut command = binary();
    command
        .env(keys::LISTEN_ADDR, listen)
        .env(keys::METRICS_ADDR, "127.0.0.1:0")
        .env(keys::DATABASE_HOST, &database.host)
        .env(keys::DATABASE_PORT, database.port.to_string())
        .env(keys::DATABASE_NAME, &database.name)
        .env(keys::DATABASE_USER, &database.user)
        .env(keys::DATABASE_PASSWORD, database.password.expose())
        .env(keys::REDIS_HOST, &app.config.cache.host)
        .env(keys::REDIS_PORT, app.config.cache.port.to_string())
        .env(keys::AUTH_URL, format!("http://{listen}"))
        .env(keys::TOKEN_ISSUER, "issuer")
        .env(keys::TOKEN_AUDIENCE, "audience")
        .envs(service_keys(Service::Auth))
        .env(
            keys::DATA_KEY,
            "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=",
        )
        .env(
            keys::SIGNING_SEED,
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        )
        .stdout(Stdio::null());
    command
}

/// Of a Secret that was lost and made again beside existing data.
const OTHER_DATA_KEY: &str = "AB4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

#[tokio::test]
async fn another_data_key_ends_the_process_and_says_what_to_restore() {
    let app = TestApp::new().await;
    let admin = app.database.admin().await;
    // The first process of a platform stores the first secret.
    let mut first = serving(&app, "127.0.0.1:0").spawn().unwrap();
    let sealed = "select count(*) from auth.signing_keys";
    let mut keys_before = 0;
    for _ in 0..100 {
        keys_before = sqlx::query_scalar::<_, i64>(sealed)
            .fetch_one(&admin)
            .await
            .unwrap();
        if keys_before > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(keys_before, 1);
    first.kill().unwrap();
    first.wait().unwrap();

    let mut command = serving(&app, "127.0.0.1:0");
    command.env(keys::DATA_KEY, OTHER_DATA_KEY);
    command.stdout(Stdio::piped());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for words in [
        "DataKeyMismatch",
        "Restore the Secret",
        "cannot set up DATA_KEY",
    ] {
        assert!(said(&output).contains(words), "{words}: {}", said(&output));
    }
    let keys_after: i64 = sqlx::query_scalar(sealed).fetch_one(&admin).await.unwrap();
    assert_eq!(keys_after, 1, "nothing was encrypted with another key");

    // With the lost one as the previous key it is a rotation.
    let before = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";
    command.env(keys::DATA_KEY_PREVIOUS, before);
    let mut rotating = command.spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(rotating.try_wait().unwrap().is_none(), "it serves");
    rotating.kill().unwrap();
    rotating.wait().unwrap();
}

#[tokio::test]
async fn the_binary_serves_is_healthy_and_stops_on_sigterm() {
    let app = TestApp::new().await;
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let listen = format!("127.0.0.1:{port}");
    let mut process = serving(&app, &listen).spawn().unwrap();
    let healthy = || {
        binary()
            .arg("healthcheck")
            .env(keys::LISTEN_ADDR, &listen)
            .status()
            .unwrap()
    };
    let started = Instant::now();
    while !healthy().success() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the binary does not start"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    let ready = http_client::new()
        .unwrap()
        .get(format!("http://{listen}/auth/readyz"))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    let pid = process.id().to_string();
    let told = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(told.success());
    assert_eq!(process.wait().unwrap().code(), Some(0));
    assert!(!healthy().success(), "nobody answers any more");
}
