//! The subcommands.

use std::io::{Write, stderr, stdout};

pub mod gateway_config;
pub mod images;
pub mod plan;
pub mod run;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(std::path::PathBuf, #[source] std::io::Error),
    /// Standard output or a port.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Not YAML, or not what was expected in it.
    #[error("{0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// The file contains no `CreatorPlatform`.
    #[error("{0} contains no document of kind CreatorPlatform")]
    NoPlatform(std::path::PathBuf),
    /// The spec is invalid.
    #[error("the spec is invalid:{0}")]
    Invalid(String),
    /// There is no usable kubeconfig.
    #[error("no usable cluster configuration: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// The kubeconfig lacks the context that was named.
    #[error("no usable kubeconfig: {0}")]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// Not the JSON of a platform.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The arguments do not say what is meant, or ask for what is not there.
    #[error("{0}")]
    Choice(String),
    /// The API server answered with an error.
    #[error("{}", crate::error::describe(.0))]
    Api(#[from] kube::Error),
    /// Reading the current state failed.
    #[error(transparent)]
    Look(#[from] crate::error::Error),
    /// Logs or metrics.
    #[error(transparent)]
    Telemetry(#[from] crate::telemetry::Error),
}

/// `operator crds`.
pub fn crds() -> Result<(), Error> {
    print(&operator_core::crds_yaml()?)
}

/// Prints an error to standard error.
pub fn complain(program: &str, error: &Error) {
    // If standard error is closed, there is nowhere left to report to.
    let _ = writeln!(stderr(), "{program}: {error}");
}

/// A closed pipe, as by `head`, is not an error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    match stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
