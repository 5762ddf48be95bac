//! `operator run`: the controllers, the health and metrics server, and a graceful shutdown.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use kube::Config;
use shared_config::wiring::OPERATOR_PORT;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::context::Context;
use crate::controller::Scope;
use crate::leadership::{Candidate, Connections, Role, lead};
use crate::{server, telemetry};

/// Arguments of `operator run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Namespaces to watch, separated by commas [default: the operator's own namespace].
    #[arg(long, env = "WATCH_NAMESPACE", value_delimiter = ',')]
    watch_namespace: Vec<String>,
    /// File that lists the namespaces to watch; a change takes effect without a restart.
    #[arg(
        long,
        env = "WATCH_NAMESPACES_FILE",
        conflicts_with = "watch_namespace"
    )]
    watch_namespaces_file: Option<PathBuf>,
    /// Watch the namespaces with these labels; requires the right to list namespaces.
    #[arg(
        long,
        env = "NAMESPACE_SELECTOR",
        conflicts_with_all = ["watch_namespace", "watch_namespaces_file"]
    )]
    namespace_selector: Option<String>,
    /// Watch all namespaces; requires a cluster role.
    #[arg(
        long,
        env = "ALL_NAMESPACES",
        conflicts_with_all = ["watch_namespace", "watch_namespaces_file", "namespace_selector"]
    )]
    all_namespaces: bool,
    /// Port for /livez, /readyz and /metrics.
    #[arg(long, default_value_t = OPERATOR_PORT)]
    port: u16,
    /// Port for PUT /log-level, on the loopback interface only.
    #[arg(long, default_value_t = OPERATOR_PORT + 1)]
    admin_port: u16,
    /// Log filter, for example debug or info,kube=debug.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: String,
    /// URL of the auth service's tenants API, for an operator that runs outside of the cluster.
    #[arg(long, env = "TENANTS_API_URL")]
    tenants_api_url: Option<String>,
    /// Name of this pod, reported as the source of events.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
    /// Namespace of this pod, from which alone the internal port of auth is reached.
    #[arg(long, env = "POD_NAMESPACE")]
    pod_namespace: Option<String>,
    /// Name of the operator's Deployment: with its namespace it tells two operators apart.
    #[arg(long, env = "OPERATOR_NAME")]
    operator_name: Option<String>,
}

/// Runs until SIGTERM or SIGINT, then ends with success.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    // Only fails when a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let level = telemetry::log(&arguments.log_level)?;
    let metrics = telemetry::metrics()?;
    let config = Config::infer().await?;
    let scope = scope(&arguments, &config);
    let candidate = candidate(&arguments, &scope, &config);
    let connections = Connections::new(config);
    let role = Arc::new(Role::default());
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let health = server::serve(arguments.port, Arc::clone(&role), metrics, stop.clone());
    let admin = server::serve_admin(arguments.admin_port, level, stop.clone());
    tracing::info!(
        ?scope,
        port = arguments.port,
        version = env!("CARGO_PKG_VERSION"),
        "operator started"
    );
    let context = |client| {
        let context = Context::new(client, arguments.pod_name.clone());
        let context = context.with_auth_at(arguments.tenants_api_url.clone());
        let name = arguments.operator_name.as_deref();
        context.in_pod_of(arguments.pod_namespace.clone(), name)
    };
    let controller = async {
        let ends = (&*role, &stop);
        let result = lead(&connections, &candidate, &scope, ends, context).await;
        stop.cancel();
        Ok(result?)
    };
    tokio::try_join!(
        async { Ok::<_, Error>(health.await?) },
        async { Ok(admin.await?) },
        controller
    )?;
    tracing::info!("operator stopped");
    Ok(())
}

/// Outside of a pod the lease is where the platforms are.
fn candidate(arguments: &Arguments, scope: &Scope, config: &Config) -> Candidate {
    let watched = match scope {
        Scope::Namespaces(namespaces) => namespaces.first().cloned(),
        Scope::Cluster | Scope::File(_) | Scope::Selector(_) => None,
    };
    let namespace = arguments.pod_namespace.clone().or(watched);
    let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
    let name = arguments.operator_name.clone();
    Candidate::new(namespace, name, arguments.pod_name.as_deref())
}

fn scope(arguments: &Arguments, config: &Config) -> Scope {
    if arguments.all_namespaces {
        return Scope::Cluster;
    }
    if let Some(file) = &arguments.watch_namespaces_file {
        return Scope::File(file.clone());
    }
    if let Some(labels) = &arguments.namespace_selector {
        return Scope::Selector(labels.clone());
    }
    let named = arguments
        .watch_namespace
        .iter()
        .filter(|namespace| !namespace.is_empty());
    let named: Vec<String> = named.cloned().collect();
    if named.is_empty() {
        return Scope::Namespaces(vec![config.default_namespace.clone()]);
    }
    Scope::Namespaces(named)
}

fn stop_on_signal(stop: CancellationToken) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("termination signal received; no new reconciles start");
        stop.cancel();
    });
    Ok(())
}
