//! The `main` of every service: `serve` (default), `openapi`, `healthcheck`, and its own commands.

use std::future::Future;
use std::io::{self, Write as _};
use std::process::ExitCode;

use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use shared_config::{Reader, Service};
use shared_rpc::http_client;
use tokio_util::sync::CancellationToken;

use crate::serve::{self, ServeSettings, StartError};
use crate::{healthcheck, telemetry};

/// What `serve` has when a service starts: its settings, the metrics recorder, the stop signal.
#[derive(Debug)]
pub struct Process {
    /// The environment.
    pub reader: Reader,
    /// The recorder behind `/metrics`.
    pub metrics: PrometheusHandle,
    /// Cancelled by SIGTERM and SIGINT.
    pub stop: CancellationToken,
}

/// A command of one service besides those that all have.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its name, the first argument.
    pub name: &'static str,
    /// Runs it; what it returns is the exit code. It gets the settings and the other arguments.
    pub run: fn(Reader, Vec<String>) -> BoxFuture<'static, ExitCode>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Command").field(&self.name).finish()
    }
}

/// Runs the command that the process was started with.
pub async fn main<F>(
    service: Service,
    document: &str,
    commands: &[Command],
    run: impl FnOnce(Process) -> F,
) -> ExitCode
where
    F: Future<Output = Result<(), StartError>>,
{
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "serve".to_owned());
    let mut reader = Reader::from_env();
    let settings = ServeSettings::from_reader(&mut reader.clone(), service);
    telemetry::start_logs(&settings.log_level);
    match name.as_str() {
        "serve" => exit_code(serve_with(reader, run).await),
        "openapi" => exit_code(io::stdout().write_all(document.as_bytes())),
        "healthcheck" => {
            let listen = ServeSettings::from_reader(&mut reader, service).listen;
            ExitCode::from(u8::from(!healthcheck::is_alive(listen).await))
        }
        other => match commands.iter().find(|command| command.name == other) {
            Some(command) => (command.run)(reader, arguments.collect()).await,
            None => exit_code(Err(format!("unknown command {other}"))),
        },
    }
}

async fn serve_with<F>(reader: Reader, run: impl FnOnce(Process) -> F) -> Result<(), StartError>
where
    F: Future<Output = Result<(), StartError>>,
{
    http_client::install_tls_provider();
    let metrics = telemetry::start_metrics().map_err(|e| StartError::setup("metrics", e))?;
    let stop = serve::shutdown_signal()?;
    run(Process {
        reader,
        metrics,
        stop,
    })
    .await
}

/// Logs the error of a command; 1 is its exit code.
pub fn exit_code<E: std::fmt::Display>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    tracing::error!(%error, "process failed");
    ExitCode::FAILURE
}
