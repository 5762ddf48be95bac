//! `kubectl creator restore`: a new platform from a backup.

use std::path::PathBuf;

use clap::Args;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use operator_core::api::CreatorPlatform;
use serde_json::{Value, json};

use super::Place;
use crate::command::{Error, plan, print};

/// Arguments of `kubectl creator restore`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// YAML file that contains the new CreatorPlatform; a `restoreFrom` in it is replaced, but for
    /// an `s3` that it names.
    #[arg(short, long)]
    file: PathBuf,
    /// Name of the backup, or `latest`.
    #[arg(long, default_value = "latest")]
    backup: String,
    /// Name of the volume claim with the backups; otherwise the file names an `s3`.
    #[arg(long)]
    volume_claim: Option<String>,
    /// Secret with the private key, and the key in it: NAME/KEY.
    #[arg(long, value_name = "NAME/KEY")]
    identity: String,
    #[command(flatten)]
    place: Place,
}

/// Creates the platform. One of this name must not exist: a restore never goes over data.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut platform = plan::read(&arguments.file)?;
    let Some((secret, key)) = arguments.identity.split_once('/') else {
        return Err(Error::Choice("--identity needs NAME/KEY".to_owned()));
    };
    let from = json!({
        "backup": arguments.backup,
        "identitySecretRef": {"name": secret, "key": key},
    });
    let mut value = serde_json::to_value(&platform.spec)?;
    value["restoreFrom"] = with_source(from, &value, arguments.volume_claim)?;
    platform.spec = serde_json::from_value(value)?;
    let cluster = arguments.place.connect().await?;
    let place = platform.namespace();
    let place = place.unwrap_or_else(|| cluster.namespace.clone());
    let platforms: Api<CreatorPlatform> = Api::namespaced(cluster.client, &place);
    platforms.create(&PostParams::default(), &platform).await?;
    print(&format!(
        "{place}/{name} is created and is being restored; follow it with \
         `kubectl creator status {name} -n {place}`\n",
        name = platform.name_any()
    ))
}

fn with_source(mut from: Value, spec: &Value, claim: Option<String>) -> Result<Value, Error> {
    let s3 = spec.pointer("/restoreFrom/s3");
    match (claim, s3) {
        (Some(claim), _) => from["volumeClaim"] = json!(claim),
        (None, Some(s3)) => from["s3"] = s3.clone(),
        (None, None) => {
            return Err(Error::Choice(
                "name where the backups are: --volume-claim, or spec.restoreFrom.s3 in the file"
                    .to_owned(),
            ));
        }
    }
    Ok(from)
}
