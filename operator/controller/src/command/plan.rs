//! `operator plan`: the objects that would be applied, or their diff to the cluster.

use std::fmt::Write;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

use clap::Args;
use kube::api::{Api, ListParams};
use kube::runtime::watcher::Event;
use kube::{Client, Config, ResourceExt};
use operator_core::api::CreatorPlatform;
use operator_core::object::Kind;
use operator_core::observed::View;
use operator_core::plan::{Change, Item, Plan, plan};
use operator_core::{Observed, resolve};
use serde::Deserialize;
use serde_json::{Map, Value};
use similar::TextDiff;

use super::{Error, print};
use crate::api;
use crate::client::connect;
use crate::context::Context;
use crate::observe::{observe, read_before_write};
use crate::seen::Watch;

/// Arguments of `operator plan`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// YAML file that contains a CreatorPlatform.
    #[arg(short, long)]
    file: PathBuf,
    /// Namespace of the platform, if the file does not set one.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// Show only the differences to the cluster of the current kubeconfig.
    #[arg(long)]
    diff: bool,
}

/// Prints the plan.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let mut platform = read(&arguments.file)?;
    platform
        .metadata
        .namespace
        .get_or_insert(arguments.namespace);
    if arguments.diff {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = connect(Config::infer().await?)?;
        return print(&changes(client, platform).await?);
    }
    let observed = Observed::default();
    let resolved = resolve(&platform, &observed).map_err(|bad| Error::Invalid(listed(&bad)))?;
    print(&documents(&plan(&resolved, &observed))?)
}

/// What applying the platform would change in the cluster.
pub(crate) async fn changes(client: Client, platform: CreatorPlatform) -> Result<String, Error> {
    let (plan, observed) = Box::pin(against_cluster(client, platform)).await?;
    differences(&plan, &observed)
}

pub(crate) fn read(file: &Path) -> Result<CreatorPlatform, Error> {
    let text = read_to_string(file).map_err(|error| Error::File(file.to_owned(), error))?;
    for document in serde_yaml_ng::Deserializer::from_str(&text) {
        let value = serde_yaml_ng::Value::deserialize(document)?;
        if value.get("kind").and_then(|kind| kind.as_str()) == Some("CreatorPlatform") {
            return Ok(serde_yaml_ng::from_value(value)?);
        }
    }
    Err(Error::NoPlatform(file.to_owned()))
}

pub(super) fn listed(bad: &operator_core::Invalid) -> String {
    bad.problems
        .iter()
        .fold(String::new(), |mut text, problem| {
            let _ = write!(text, "\n- {problem}");
            text
        })
}

/// Every object as it would be applied, part by part.
fn documents(plan: &Plan) -> Result<String, Error> {
    let mut text = String::new();
    for part in &plan.parts {
        for item in &part.items {
            let _ = writeln!(text, "---\n# part {}: {}", part.component.name(), item.key);
            text.push_str(&serde_yaml_ng::to_string(item.desired.body())?);
        }
    }
    Ok(text)
}

/// The plan of the operator itself, from a look of its own: it reads by the same code.
async fn against_cluster(
    client: Client,
    mut platform: CreatorPlatform,
) -> Result<(Plan, Observed), Error> {
    let namespace = platform.namespace().unwrap_or_default();
    let platforms: Api<CreatorPlatform> = Api::namespaced(client.clone(), &namespace);
    let live = platforms.get_opt(&platform.name_any()).await?;
    platform.metadata.uid = live.map_or_else(|| Some(String::new()), |live| live.uid());
    let context = Context::new(client, None);
    list(&context, &namespace).await?;
    let mut observed = observe(&context, &platform).await?;
    let resolved = resolve(&platform, &observed).map_err(|bad| Error::Invalid(listed(&bad)))?;
    let first = plan(&resolved, &observed);
    if read_before_write(&context, &platform, &first, &mut observed).await? {
        return Ok((plan(&resolved, &observed), observed));
    }
    Ok((first, observed))
}

/// What the watches of a running operator would have seen.
async fn list(context: &Context, namespace: &str) -> Result<(), Error> {
    for kind in Kind::ALL.iter().copied() {
        if kind.optional() && !api::serves(&context.client, kind).await? {
            continue;
        }
        context.set_optional(kind, kind.optional());
        let watch = Watch {
            kind,
            namespace: Some(namespace.to_owned()),
        };
        let params = ListParams::default().labels(&api::ours());
        let objects = api::metadata(&context.client, Some(namespace), kind);
        for object in objects.list(&params).await? {
            context.seen.absorb(&watch, Event::Apply(object));
        }
    }
    Ok(())
}

fn differences(plan: &Plan, observed: &Observed) -> Result<String, Error> {
    let mut text = String::new();
    for item in plan.items().filter(|item| item.change != Change::None) {
        let _ = writeln!(text, "# {}: {}", item.key, in_words(&item.change));
        text.push_str(&difference(item, observed)?);
    }
    for pruned in &plan.prune {
        let _ = writeln!(text, "# {}: delete: {}", pruned.key, pruned.reason);
    }
    let waits = plan.waits();
    if !waits.is_empty() {
        let _ = writeln!(text, "# the operator waits:");
    }
    for wait in waits {
        let _ = writeln!(text, "#   {}: {}", wait.component.name(), wait.message);
    }
    if text.is_empty() {
        text.push_str("# no changes\n");
    }
    Ok(text)
}

fn difference(item: &Item, observed: &Observed) -> Result<String, Error> {
    let desired = item.desired.body();
    let after = serde_yaml_ng::to_string(desired)?;
    let before = match observed.live(&item.key).map(|live| &live.view) {
        Some(View::Body(body)) => serde_yaml_ng::to_string(&ours(desired, body))?,
        _ => String::new(),
    };
    Ok(TextDiff::from_lines(&before, &after)
        .unified_diff()
        .header("live", "planned")
        .to_string())
}

/// The live object without the fields that the plan says nothing about.
fn ours(desired: &Value, live: &Value) -> Value {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => {
            let both = desired
                .iter()
                .filter_map(|(field, value)| Some((field.clone(), ours(value, live.get(field)?))));
            Value::Object(both.collect::<Map<_, _>>())
        }
        (Value::Array(desired), Value::Array(live)) if desired.len() == live.len() => desired
            .iter()
            .zip(live)
            .map(|(desired, live)| ours(desired, live))
            .collect(),
        (_, live) => live.clone(),
    }
}

fn in_words(change: &Change) -> String {
    match change {
        Change::None => "no change".to_owned(),
        Change::Create => "create".to_owned(),
        Change::Update(paths) => format!("update {}", paths.join(", ")),
        Change::Replace(why) => format!("replace: {why}"),
        Change::Secret(keys) => format!("generate {}", keys.join(", ")),
        Change::Lost(keys) => format!("blocked: lost keys {}", keys.join(", ")),
        Change::Deleting => "wait for its deletion".to_owned(),
        Change::Foreign => "blocked: it exists and is not owned by this platform".to_owned(),
    }
}
