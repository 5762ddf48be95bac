//! `operator run`: the controllers, the health and metrics server, and a graceful shutdown.

use std::sync::Arc;

use clap::Args;
use kube::Config;
use shared_config::wiring::OPERATOR_PORT;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::client::connect;
use crate::context::Context;
use crate::controller::{self, Scope};
use crate::{server, telemetry};

/// Arguments of `operator run`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Namespaces to watch, separated by commas [default: the operator's own namespace].
    #[arg(long, env = "WATCH_NAMESPACE", value_delimiter = ',')]
    watch_namespace: Vec<String>,
    /// Watch all namespaces; requires a cluster role.
    #[arg(long, env = "ALL_NAMESPACES", conflicts_with = "watch_namespace")]
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
    let context = Context::new(connect(config)?, arguments.pod_name);
    let context = context.with_auth_at(arguments.tenants_api_url);
    let name = arguments.operator_name.as_deref();
    let context = Arc::new(context.in_pod_of(arguments.pod_namespace, name));
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let health = server::serve(
        arguments.port,
        Arc::clone(&context.seen),
        metrics,
        stop.clone(),
    );
    let admin = server::serve_admin(arguments.admin_port, level, stop.clone());
    tracing::info!(
        ?scope,
        port = arguments.port,
        version = env!("CARGO_PKG_VERSION"),
        "operator started"
    );
    let controller = async {
        controller::run(context, scope, stop.clone()).await;
        stop.cancel();
        Ok(())
    };
    tokio::try_join!(health, admin, controller)?;
    tracing::info!("operator stopped");
    Ok(())
}

fn scope(arguments: &Arguments, config: &Config) -> Scope {
    if arguments.all_namespaces {
        return Scope::Cluster;
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
