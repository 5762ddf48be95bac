//! The subcommands of the binary.

use std::io::{Write, stderr, stdout};

pub mod gateway_config;
pub mod plan;
pub mod run;

/// Why a command did not do what it was asked for.
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
    /// A file without a platform.
    #[error("{0} has no document of kind CreatorPlatform")]
    NoPlatform(std::path::PathBuf),
    /// The spec is wrong.
    #[error("the spec is not valid:{0}")]
    Invalid(String),
    /// No way to a cluster.
    #[error("no cluster: {0}")]
    Config(#[from] kube::config::InferConfigError),
    /// The cluster said no.
    #[error("{}", crate::error::describe(.0))]
    Api(#[from] kube::Error),
    /// A look failed.
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

/// Says on standard error why it ends.
pub fn complain(error: &Error) {
    // Where even standard error is gone, there is nobody to tell.
    let _ = writeln!(stderr(), "operator: {error}");
}

/// A reader that has seen enough, such as `head`, is no error.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    match stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
