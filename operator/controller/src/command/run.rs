//! `operator run`: the controller, its servers, and a tidy end.

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

/// Where to work, and where to be asked how it goes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Namespaces with platforms, separated by commas; the own namespace when absent.
    #[arg(long, env = "WATCH_NAMESPACE", value_delimiter = ',')]
    watch_namespace: Vec<String>,
    /// Every namespace; needs a `ClusterRole`.
    #[arg(long, env = "ALL_NAMESPACES", conflicts_with = "watch_namespace")]
    all_namespaces: bool,
    /// Port of /livez, /readyz and /metrics.
    #[arg(long, default_value_t = OPERATOR_PORT)]
    port: u16,
    /// Port of `PUT /log-level`, on the loopback only.
    #[arg(long, default_value_t = OPERATOR_PORT + 1)]
    admin_port: u16,
    /// What is logged, for example debug or info,kube=debug.
    #[arg(long, env = "LOG_LEVEL", default_value = "info")]
    log_level: String,
    /// URL of auth's tenants API, for an operator that runs outside of the cluster.
    #[arg(long, env = "TENANTS_API_URL")]
    tenants_api_url: Option<String>,
    /// Name of this pod, for events.
    #[arg(long, env = "POD_NAME")]
    pod_name: Option<String>,
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
    let context = Arc::new(context.with_auth_at(arguments.tenants_api_url));
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
        "started"
    );
    let controller = async {
        controller::run(context, scope, stop.clone()).await;
        stop.cancel();
        Ok(())
    };
    tokio::try_join!(health, admin, controller)?;
    tracing::info!("ended");
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
        tracing::info!("told to end: no new looks");
        stop.cancel();
    });
    Ok(())
}
