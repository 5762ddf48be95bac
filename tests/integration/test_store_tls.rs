//! Stores that are reached by TLS, with a private authority: verified, or refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use shared_cache::{Cache, CacheSettings, CacheTls};
use shared_db::migrate::{self, RETRY_TIMEOUT, run_patiently};
use shared_db::{DatabaseSettings, Db};
use sqlx::postgres::PgSslMode;
use tempfile::TempDir;

use crate::own_postgres::{OwnPostgres, folder, login};
use crate::ports;

const PASSWORD: &str = "a-password-of-the-test";

/// An authority, and a certificate of it for `localhost`, but not for 127.0.0.1.
struct Authority(TempDir);

impl Authority {
    fn new() -> Self {
        let authority = Self(folder());
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        authority.openssl(
            &["req", "-x509", "-days", "2", "-subj", "/CN=A company"],
            &key,
            &["-keyout", "ca.key", "-out", "ca.crt"],
        );
        authority.openssl(
            &["req", "-subj", "/CN=localhost"],
            &key,
            &[
                "-addext",
                "subjectAltName=DNS:localhost",
                "-keyout",
                "server.key",
                "-out",
                "server.csr",
            ],
        );
        authority.openssl(
            &["x509", "-req", "-days", "2", "-in", "server.csr"],
            &[],
            &[
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
                "-copy_extensions",
                "copy",
                "-out",
                "server.crt",
            ],
        );
        for (file, mode) in [
            ("ca.crt", 0o644),
            ("server.crt", 0o644),
            ("server.key", 0o600),
        ] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(authority.path(file), mode).unwrap();
        }
        authority
    }

    fn openssl(&self, command: &[&str], key: &[&str], rest: &[&str]) {
        let output = Command::new("openssl")
            .args(command)
            .args(key)
            .args(rest)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Its certificate, PEM.
    fn certificate(&self) -> String {
        fs::read_to_string(self.path("ca.crt")).unwrap()
    }
}

struct TlsRedis {
    port: u16,
    process: Child,
    _folder: TempDir,
}

impl TlsRedis {
    async fn start(authority: &Authority) -> Self {
        let folder = TempDir::new().unwrap();
        let port = ports::listen().local_addr().unwrap().port();
        let file = |name| authority.path(name).display().to_string();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", "0", "--save", ""])
            .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
            .args(["--tls-cert-file", &file("server.crt")])
            .args(["--tls-key-file", &file("server.key")])
            .args(["--tls-ca-cert-file", &file("ca.crt")])
            .args(["--requirepass", PASSWORD])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            port,
            process,
            _folder: folder,
        };
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    async fn ping(&self, host: &str, tls: CacheTls) -> Result<(), String> {
        let settings = CacheSettings {
            host: host.to_owned(),
            port: self.port,
            username: "default".to_owned(),
            password: shared_config::Secret::new(PASSWORD.to_owned()),
            tls,
            ..CacheSettings::default()
        };
        let cache = Cache::new(&settings).map_err(|error| error.to_string())?;
        cache.ping().await.map_err(|error| error.to_string())
    }
}

impl Drop for TlsRedis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn redis_by_tls_is_verified_with_its_authority_and_its_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = TlsRedis::start(&authority).await;
    let with = |ca: Option<String>| CacheTls::Verified { ca };
    let own = with(Some(authority.certificate()));
    assert_eq!(server.ping("localhost", own.clone()).await, Ok(()));
    // A bundle of several authorities is one, too.
    let bundle = stranger.certificate() + &authority.certificate();
    assert_eq!(server.ping("localhost", with(Some(bundle))).await, Ok(()));
    let refused = [
        ("localhost", with(None), "the authorities of the web"),
        (
            "localhost",
            with(Some(stranger.certificate())),
            "another authority",
        ),
        ("127.0.0.1", own, "another name"),
        ("localhost", CacheTls::Off, "no encryption"),
    ];
    for (host, tls, what) in refused {
        assert!(server.ping(host, tls).await.is_err(), "{what}");
    }
    let damaged = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n".to_owned();
    assert!(server.ping("localhost", with(Some(damaged))).await.is_err());
}

#[tokio::test]
async fn commands_and_subscriptions_go_by_tls() {
    use shared_cache::Key;
    let authority = Authority::new();
    let server = TlsRedis::start(&authority).await;
    let settings = CacheSettings {
        host: "localhost".to_owned(),
        port: server.port,
        username: "default".to_owned(),
        password: shared_config::Secret::new(PASSWORD.to_owned()),
        tls: CacheTls::Verified {
            ca: Some(authority.certificate()),
        },
        ..CacheSettings::default()
    };
    let cache = Cache::new(&settings).unwrap();
    let key = Key::signing_keys();
    let _subscription = cache.subscribe(&key).await.unwrap();
    cache.publish(&key, "hello").await.unwrap();
    cache
        .write(&key, &"value", Duration::from_mins(1))
        .await
        .unwrap();
    let read: Option<String> = cache.read(&key).await.unwrap();
    assert_eq!(read.as_deref(), Some("value"));
}

fn tls_postgres(authority: &Authority) -> OwnPostgres {
    let file = |name| authority.path(name).display().to_string();
    let certificate = format!("ssl_cert_file={}", file("server.crt"));
    let key = format!("ssl_key_file={}", file("server.key"));
    OwnPostgres::start(&["ssl=on", &certificate, &key])
}

#[tokio::test]
async fn postgresql_is_verified_with_its_authority_and_its_name() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = tls_postgres(&authority);
    let settings = |host: &str, ssl_mode, ca: Option<&Authority>| DatabaseSettings {
        host: host.to_owned(),
        ssl_mode,
        ca: ca.map(Authority::certificate),
        ..login(server.port, "auth_app", PASSWORD, "platform")
    };
    // The migrations go the same way.
    let mut migration = server.migration(PASSWORD);
    migration.admin.host = "localhost".to_owned();
    migration.admin.ssl_mode = PgSslMode::VerifyFull;
    let untrusted = run_patiently(&migration, RETRY_TIMEOUT);
    let error = tokio::time::timeout(Duration::from_secs(20), untrusted).await;
    // A certificate is not waited for.
    let error = error.unwrap().unwrap_err();
    assert!(
        error.to_string().to_lowercase().contains("certificate"),
        "{error}"
    );
    migration.admin.ca = Some(authority.certificate());
    migrate::run(&migration).await.unwrap();

    let accepted = [
        settings("localhost", PgSslMode::VerifyFull, Some(&authority)),
        settings("127.0.0.1", PgSslMode::VerifyCa, Some(&authority)),
        settings("localhost", PgSslMode::Require, None),
    ];
    for settings in accepted {
        let text = format!("{settings:?}");
        let result = Db::new(&settings).ping().await;
        assert!(result.is_ok(), "{text}: {result:?}");
    }
    let refused = [
        settings("localhost", PgSslMode::VerifyFull, None),
        settings("localhost", PgSslMode::VerifyFull, Some(&stranger)),
        settings("127.0.0.1", PgSslMode::VerifyFull, Some(&authority)),
        settings("127.0.0.1", PgSslMode::VerifyCa, Some(&stranger)),
    ];
    for settings in refused {
        let text = format!("{} {:?}", settings.host, settings.ssl_mode);
        let error = Db::new(&settings).ping().await.unwrap_err();
        let message = error.to_string().to_lowercase();
        assert!(message.contains("certificate"), "{text}: {message}");
    }
}
