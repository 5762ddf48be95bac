//! `kubectl creator plan`: what an edited platform would change.

use std::path::PathBuf;

use clap::Args;

use super::Place;
use crate::command::{Error, plan, print};

/// Arguments of `kubectl creator plan`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// YAML file that contains the CreatorPlatform.
    #[arg(short, long)]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Prints the differences to the cluster.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut platform = plan::read(&arguments.file)?;
    let cluster = arguments.place.connect().await?;
    let namespace = platform.metadata.namespace.take();
    platform.metadata.namespace = Some(namespace.unwrap_or(cluster.namespace));
    print(&plan::changes(cluster.client, platform).await?)
}
