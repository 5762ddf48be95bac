//! `kubectl creator backup`: a backup now.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use operator_core::api::CreatorPlatform;
use operator_core::api::status::BackupStatus;
use operator_core::resolve::BACKUP_ANNOTATION;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{Cluster, Place};
use crate::command::{Error, print};

const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Arguments of `kubectl creator backup`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the platform; not needed if the namespace has only one.
    name: Option<String>,
    /// Return at once, without waiting for the backup.
    #[arg(long)]
    no_wait: bool,
    /// How many minutes to wait.
    #[arg(long, default_value_t = 60)]
    timeout_minutes: u64,
    #[command(flatten)]
    place: Place,
}

/// Asks for a backup, and waits for it.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let cluster = arguments.place.connect().await?;
    let platform = cluster.platform(arguments.name.as_deref()).await?;
    let name = platform.name_any();
    if platform.spec.backup.is_none() {
        return Err(Error::Choice(format!(
            "{name} has no spec.backup: set its target and recipients first (docs/backup.md)"
        )));
    }
    let before = newest(&platform);
    request(&cluster, &name).await?;
    if arguments.no_wait {
        return print(
            "The backup is requested; `kubectl creator status` shows when it is complete.\n",
        );
    }
    let deadline = Instant::now() + Duration::from_secs(arguments.timeout_minutes * 60);
    let taken = wait(&cluster, &name, before.as_ref(), deadline).await?;
    print(&format!(
        "backup {} is complete: {} bytes\n",
        taken.name, taken.size_bytes
    ))
}

async fn request(cluster: &Cluster, name: &str) -> Result<(), Error> {
    let request = json!({"metadata": {"annotations": {
        BACKUP_ANNOTATION: Timestamp::now().to_string(),
    }}});
    let patch = Patch::Merge(&request);
    let platforms = cluster.platforms();
    platforms
        .patch(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

async fn wait(
    cluster: &Cluster,
    name: &str,
    before: Option<&BackupStatus>,
    deadline: Instant,
) -> Result<BackupStatus, Error> {
    while Instant::now() < deadline {
        let platform = cluster.platform(Some(name)).await?;
        if let Some(taken) = newest(&platform)
            && before.is_none_or(|before| before.name != taken.name)
        {
            return Ok(taken);
        }
        sleep(POLL_INTERVAL).await;
    }
    Err(Error::Choice(format!(
        "no backup of {name} was complete in time; `kubectl creator status {name}` says why"
    )))
}

fn newest(platform: &CreatorPlatform) -> Option<BackupStatus> {
    platform.status.as_ref()?.backups.first().cloned()
}
