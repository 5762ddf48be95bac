//! PostgreSQL: managed here, external, or a cluster of `CloudNativePG`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use shared_config::{Store, keys, wiring};

use crate::api::Quantity;
use crate::api::pods::UserIds;
use crate::api::postgres::{CloudnativePg, ManagedPostgres, PostgresMode};
use crate::api::workload::KeyRef;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{Generate, foundation, merge, network, placement, stateful_set, volume};
use crate::resolve::Resolved;

pub(crate) mod backup;

pub(crate) const COMPONENT: Component = Component::Store(Store::Postgres);
const START: &str = include_str!("assets/postgres.sh");
/// The users of a container whose id is ours.
pub(crate) const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\npostgres:x:10001:10001::/tmp:/bin/sh\n";
/// The group is 0 on OpenShift; what it is changes nothing here.
const WRITE_PASSWD: &str = "printf 'root:x:0:0:root:/root:/bin/sh\\n\
    postgres:x:%s:%s::/tmp:/bin/sh\\n' \"$(id -u)\" \"$(id -g)\" > /tmp/passwd";
const HBA: &str = "local all all scram-sha-256\nhost all all all scram-sha-256\n";
const DEFAULT_LIMIT: &str = "1Gi";

/// Where the database is, and who may change roles and schemas.
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: i32,
    pub(crate) database: String,
    pub(crate) ssl_mode: &'static str,
    /// The certificates of the authority that the server's is verified with.
    pub(crate) ca: Option<KeyRef>,
    /// Secret and keys of the administrator; without a key for the name it is `postgres`.
    pub(crate) admin_secret: String,
    pub(crate) admin_user_key: Option<&'static str>,
}

/// Where the services find the database.
pub(crate) fn address(resolved: &Resolved) -> Address {
    let name = resolved.object_name(Store::Postgres.name());
    let own = |host: String, ssl_mode| Address {
        host,
        port: i32::from(Store::Postgres.port()),
        database: wiring::DATABASE_NAME.to_owned(),
        ssl_mode,
        ca: None,
        admin_secret: name.clone(),
        admin_user_key: None,
    };
    let postgres = &resolved.spec.postgres;
    match (postgres.mode, &postgres.external) {
        (PostgresMode::External, Some(external)) => Address {
            host: external.host.clone(),
            port: external.port,
            database: external.database.clone(),
            ssl_mode: external.ssl_mode.name(),
            ca: external.ca_secret_ref.clone(),
            admin_secret: external.admin_secret_ref.name.clone(),
            admin_user_key: Some("username"),
        },
        (PostgresMode::CloudnativePg, _) => own(format!("{name}-rw"), "require"),
        _ => own(name.clone(), "disable"),
    }
}

impl Address {
    /// What every process needs to find the database.
    pub(crate) fn environment(&self) -> Vec<Value> {
        let mut env = vec![
            pod::variable(keys::DATABASE_HOST, &self.host),
            pod::variable(keys::DATABASE_PORT, self.port.to_string()),
            pod::variable(keys::DATABASE_NAME, &self.database),
            pod::variable(keys::DATABASE_SSL_MODE, self.ssl_mode),
        ];
        if let Some(ca) = &self.ca {
            env.push(pod::secret_variable(keys::DATABASE_CA, &ca.name, &ca.key));
        }
        env
    }

    /// What a process needs besides to sign in as the administrator.
    pub(crate) fn admin(&self) -> [Value; 2] {
        [
            self.admin_user(keys::ADMIN_USER),
            pod::secret_variable(keys::ADMIN_PASSWORD, &self.admin_secret, "password"),
        ]
    }

    /// What the programs of PostgreSQL itself need to sign in as the administrator.
    pub(crate) fn libpq(&self) -> Vec<Value> {
        let mut env = vec![
            pod::variable("PGHOST", &self.host),
            pod::variable("PGPORT", self.port.to_string()),
            pod::variable("PGDATABASE", &self.database),
            pod::variable("PGSSLMODE", self.ssl_mode),
            self.admin_user("PGUSER"),
            pod::secret_variable("PGPASSWORD", &self.admin_secret, "password"),
        ];
        if self.ca.is_some() {
            env.push(pod::variable("PGSSLROOTCERT", "/etc/database/ca.crt"));
        } else if self.ssl_mode.starts_with("verify") {
            // Those programs know no authorities of their own.
            let of_the_image = "/etc/ssl/certs/ca-certificates.crt";
            env.push(pod::variable("PGSSLROOTCERT", of_the_image));
        }
        env
    }

    /// The certificates of the authority as a volume, for those programs.
    pub(crate) fn ca_volume(&self) -> Option<Value> {
        let ca = self.ca.as_ref()?;
        Some(json!({"name": "database-ca", "secret": {
            "secretName": ca.name, "items": [{"key": ca.key, "path": "ca.crt"}],
        }}))
    }

    /// Where a container has them.
    pub(crate) fn ca_mount(&self) -> Option<Value> {
        let mount = json!({"name": "database-ca", "mountPath": "/etc/database", "readOnly": true});
        self.ca.is_some().then_some(mount)
    }

    fn admin_user(&self, variable: &str) -> Value {
        self.admin_user_key.map_or_else(
            || pod::variable(variable, "postgres"),
            |key| pod::secret_variable(variable, &self.admin_secret, key),
        )
    }
}

/// The objects of the database.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let postgres = &sketch.resolved.spec.postgres;
    match postgres.mode {
        PostgresMode::Managed => {
            managed(sketch, &postgres.managed.clone().unwrap_or_default());
        }
        PostgresMode::External => {}
        PostgresMode::CloudnativePg => {
            cluster(sketch, &postgres.cloudnative_pg.clone().unwrap_or_default());
        }
    }
}

fn managed(sketch: &mut Sketch<'_>, settings: &ManagedPostgres) {
    let name = sketch.resolved.object_name(Store::Postgres.name());
    sketch.secret(
        COMPONENT,
        &name,
        json!({}),
        &[("password", Generate::Password)],
    );
    let config = json!({
        "start.sh": START,
        "postgresql.conf": configuration(settings),
        "pg_hba.conf": HBA,
        "passwd": PASSWD,
    });
    sketch.config_map(COMPONENT, &name, &config);
    volume::claim(sketch, COMPONENT, &name, &settings.storage, "ReadWriteOnce");
    network::service(sketch, COMPONENT, &[("postgres", 5432)], true);
    let pod = postgres_pod(sketch, &name, settings);
    stateful_set::single(sketch, &name, pod);
    if let Some(settings) = &settings.backup {
        backup::draft(sketch, settings);
    }
}

fn postgres_pod(sketch: &Sketch<'_>, name: &str, settings: &ManagedPostgres) -> Pod {
    let container = server(sketch, name, settings);
    Pod {
        component: COMPONENT,
        service_account: foundation::service_account(sketch.resolved),
        init_containers: write_passwd(
            sketch,
            &pod::resources(settings.resources.as_ref(), "10m", "64Mi", "64Mi"),
        ),
        containers: vec![container],
        volumes: vec![
            json!({"name": "data", "persistentVolumeClaim": {"claimName": name}}),
            json!({"name": "config", "configMap": {"name": name}}),
        ],
        grace_seconds: 60,
        spread: None,
        runs_once: false,
        overrides: settings.pod_template.clone().map(Value::Object),
    }
}

/// PostgreSQL asks for the name of its user. With an id of the namespace, that name is written
/// when the pod starts; a file of the volume is mounted like one of the `ConfigMap`.
pub(crate) fn write_passwd(sketch: &Sketch<'_>, resources: &Value) -> Vec<Value> {
    if placement::user_ids(sketch.resolved) == UserIds::Fixed {
        return Vec::new();
    }
    let container = pod::container(
        sketch,
        "passwd",
        &sketch.resolved.spec.images.postgres,
        json!({"command": ["sh", "-c", WRITE_PASSWD], "resources": resources}),
    );
    vec![container]
}

/// Where a container has that name; `config` is the volume of a `ConfigMap` with [`PASSWD`].
pub(crate) fn passwd_mount(resolved: &Resolved, config: &str) -> Value {
    let volume = match placement::user_ids(resolved) {
        UserIds::Fixed => config,
        UserIds::FromNamespace => "tmp",
    };
    json!({"name": volume, "mountPath": "/etc/passwd", "subPath": "passwd"})
}

fn server(sketch: &Sketch<'_>, name: &str, settings: &ManagedPostgres) -> Value {
    let ready = |period: i32, failures: i32| {
        json!({
            "exec": {"command": ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "postgres"]},
            "periodSeconds": period,
            "timeoutSeconds": 3,
            "failureThreshold": failures,
        })
    };
    pod::container(
        sketch,
        COMPONENT.name(),
        &sketch.resolved.spec.images.postgres,
        json!({
            "command": ["sh", "/etc/creator/start.sh"],
            // The script says in its last lines why it does not start.
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "env": [
                pod::variable("PGDATA", "/data/postgres"),
                pod::variable("POSTGRES_DB", wiring::DATABASE_NAME),
                pod::secret_variable("POSTGRES_PASSWORD", name, "password"),
            ],
            "ports": [{"name": "postgres", "containerPort": Store::Postgres.port()}],
            "resources":
                pod::resources(settings.resources.as_ref(), "100m", "256Mi", DEFAULT_LIMIT),
            "startupProbe": ready(1, pod::STORE_STARTUP_SECONDS),
            "readinessProbe": ready(5, 3),
            "livenessProbe": {
                "tcpSocket": {"port": "postgres"}, "periodSeconds": 20, "failureThreshold": 6,
            },
            // The signal at the end of a pod asks PostgreSQL to wait for its clients: too long.
            "lifecycle": {"preStop": {"exec": {
                "command": ["pg_ctl", "stop", "-m", "fast", "-w", "-t", "50"],
            }}},
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "config", "mountPath": "/etc/creator"},
                passwd_mount(sketch.resolved, "config"),
            ],
        }),
    )
}

/// `postgresql.conf`: ours, then the spec's parameters, of which the last word counts.
fn configuration(settings: &ManagedPostgres) -> String {
    let limits = settings
        .resources
        .as_ref()
        .and_then(|all| all.limits.as_ref());
    let limit = limits.and_then(|most| most.memory.clone());
    let limit = limit
        .unwrap_or_else(|| Quantity::from(DEFAULT_LIMIT))
        .units();
    let mut text = String::from(
        "listen_addresses = '*'\nport = 5432\nunix_socket_directories = '/tmp'\n\
         hba_file = '/etc/creator/pg_hba.conf'\npassword_encryption = 'scram-sha-256'\n\
         max_connections = 200\njit = off\nlog_timezone = 'UTC'\ntimezone = 'UTC'\n",
    );
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "shared_buffers = '{}kB'",
        (limit / 4096).max(16 * 1024)
    );
    let _ = writeln!(
        text,
        "effective_cache_size = '{}kB'",
        (limit / 2048).max(32 * 1024)
    );
    for (name, value) in &settings.parameters {
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    }
    text
}

fn cluster(sketch: &mut Sketch<'_>, settings: &CloudnativePg) {
    if !sketch.observed.optional_kinds.contains(&Kind::CnpgCluster) {
        sketch.missing_kinds.insert((COMPONENT, Kind::CnpgCluster));
    }
    let name = sketch.resolved.object_name(Store::Postgres.name());
    let secret = json!({
        "type": "kubernetes.io/basic-auth",
        "stringData": {"username": "postgres"},
    });
    sketch.secret(
        COMPONENT,
        &name,
        secret,
        &[("password", Generate::Password)],
    );
    let mut storage = json!({"size": settings.storage.size.canonical()});
    if let Some(class) = &settings.storage.class_name {
        storage["storageClass"] = json!(class);
    }
    let mut spec = json!({
        "instances": settings.instances,
        "imageName": settings.image,
        "enableSuperuserAccess": true,
        "superuserSecret": {"name": name},
        "storage": storage,
        "resources": pod::resources(settings.resources.as_ref(), "100m", "256Mi", DEFAULT_LIMIT),
        "bootstrap": {"initdb": {
            "database": wiring::DATABASE_NAME,
            "owner": "app",
            "dataChecksums": true,
            "encoding": "UTF8",
        }},
    });
    let placed = placement::of_cluster(sketch.resolved, settings.affinity.as_ref());
    merge::strategic(&mut spec, &placed);
    let key = ObjectKey::new(Kind::CnpgCluster, &name);
    // Deleting a cluster deletes its volumes: it outlives the platform as every volume does.
    sketch.retain(COMPONENT, key, json!({"spec": spec}));
}
