//! Address and login of the database.

use std::str::FromStr;

use shared_config::{Reader, Secret, keys, wiring};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Settings of one pool.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database name.
    pub name: String,
    /// Login role.
    pub user: String,
    /// Its password.
    pub password: Secret<String>,
    /// Encryption and verification of the connection.
    pub ssl_mode: PgSslMode,
    /// Certificates of the authority that the server's is verified with, PEM, beside those of the
    /// web.
    pub ca: Option<String>,
    /// Size of this process's pool.
    pub max_connections: u32,
}

impl DatabaseSettings {
    /// Reads the settings of a service.
    pub fn from_reader(reader: &mut Reader) -> Self {
        let user = reader.required(keys::DATABASE_USER);
        let password = reader.secret(keys::DATABASE_PASSWORD);
        Self::with_login(reader, user, password)
    }

    /// Reads the address, for a login that the caller has read.
    pub fn with_login(reader: &mut Reader, user: String, password: Secret<String>) -> Self {
        let mode = reader.optional(keys::DATABASE_SSL_MODE, "prefer");
        let ssl_mode = PgSslMode::from_str(&mode).unwrap_or_else(|_| {
            reader.problem(
                keys::DATABASE_SSL_MODE,
                "is none of PostgreSQL's sslmode values",
            );
            PgSslMode::Prefer
        });
        Self {
            host: reader.required(keys::DATABASE_HOST),
            port: reader.parsed(keys::DATABASE_PORT, 5432),
            name: reader.optional(keys::DATABASE_NAME, wiring::DATABASE_NAME),
            user,
            password,
            ssl_mode,
            ca: reader.certificates(keys::DATABASE_CA),
            max_connections: reader.bounded(keys::DATABASE_MAX_CONNECTIONS, 10, 1, 200),
        }
    }

    /// The settings in the form of sqlx. The startup message has nothing that a pooler refuses: the
    /// timeouts of a session are set once it is connected.
    pub fn options(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.name)
            .username(&self.user)
            .password(self.password.expose())
            .ssl_mode(self.ssl_mode)
            .application_name(&self.user)
            // PostgreSQL writes floats exactly without it.
            .extra_float_digits(None);
        match &self.ca {
            Some(ca) => options.ssl_root_cert_from_pem(ca.clone().into_bytes()),
            None => options,
        }
    }
}
