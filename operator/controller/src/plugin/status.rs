//! `kubectl creator status`: one platform on one screen.

use std::fmt::Write;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use operator_core::api::CreatorPlatform;
use operator_core::api::condition::{Condition, ConditionStatus};
use operator_core::api::status::PlatformStatus;

use super::Place;
use super::table::table;
use crate::command::{Error, print};

/// Arguments of `kubectl creator status`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the platform; not needed if the namespace has only one.
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// Prints the state of a platform.
pub async fn run(arguments: Arguments) -> Result<(), Error> {
    let cluster = arguments.place.connect().await?;
    let platform = cluster.platform(arguments.name.as_deref()).await?;
    print(&screen(&platform, Timestamp::now()))
}

/// What is printed; `now` is for ages.
fn screen(platform: &CreatorPlatform, now: Timestamp) -> String {
    let mut text = String::new();
    let namespace = platform.namespace().unwrap_or_default();
    let _ = writeln!(text, "{namespace}/{}", platform.name_any());
    let Some(status) = &platform.status else {
        text.push_str(
            "No operator has reported on this platform yet. Does one run and watch this \
             namespace? `kubectl get deployments -A -l app.kubernetes.io/name=creator-operator`\n",
        );
        return text;
    };
    if status.observed_generation != platform.metadata.generation {
        text.push_str("The operator has not seen the last edit yet.\n");
    }
    overview(&mut text, platform, status);
    attention(&mut text, status);
    for section in [
        conditions(status, now),
        components(status),
        volumes(status),
        backups(status),
    ] {
        if !section.is_empty() {
            let _ = write!(text, "\n{section}");
        }
    }
    text
}

fn overview(text: &mut String, platform: &CreatorPlatform, status: &PlatformStatus) {
    if let Some(version) = &status.version {
        let running = version.running.as_deref().unwrap_or("none");
        let _ = if running == version.target {
            writeln!(text, "version   {running}")
        } else {
            writeln!(text, "version   {running}, changing to {}", version.target)
        };
    }
    if let Some(endpoint) = &status.endpoint {
        let _ = writeln!(text, "URL       {endpoint}");
    }
    if let Some(tenants) = status.tenants {
        let _ = writeln!(text, "Tenants   {}, {} ready", tenants.total, tenants.ready);
    }
    if platform.spec.suspend {
        let changes = status.pending_plan.len();
        let _ = writeln!(
            text,
            "suspended: {changes} changes wait in status.pendingPlan"
        );
    }
}

/// The messages of all conditions that are not as they should be.
fn attention(text: &mut String, status: &PlatformStatus) {
    let bad: Vec<&Condition> = status.conditions.iter().filter(|one| !good(one)).collect();
    if bad.is_empty() {
        text.push_str("Everything is as the spec says.\n");
    }
    for condition in bad {
        let _ = writeln!(
            text,
            "\n{} ({}): {}",
            condition.kind, condition.reason, condition.message
        );
    }
}

/// As kstatus reads them: these two report trouble or work, all others report that all is well.
fn good(condition: &Condition) -> bool {
    let wanted = match condition.kind.as_str() {
        "Stalled" | "Reconciling" => ConditionStatus::False,
        _ => ConditionStatus::True,
    };
    condition.status == wanted
}

fn conditions(status: &PlatformStatus, now: Timestamp) -> String {
    let rows = status.conditions.iter().map(|one| {
        let since = now.duration_since(one.last_transition_time);
        [
            one.kind.clone(),
            format!("{:?}", one.status),
            one.reason.clone(),
            age(since.as_secs()),
        ]
    });
    table(
        ["CONDITION", "STATUS", "REASON", "SINCE"],
        &rows.collect::<Vec<_>>(),
    )
}

fn components(status: &PlatformStatus) -> String {
    let rows = status.components.iter().map(|one| {
        [
            one.name.clone(),
            format!("{}/{}", one.ready, one.desired),
            one.image.clone(),
        ]
    });
    table(["COMPONENT", "READY", "IMAGE"], &rows.collect::<Vec<_>>())
}

fn volumes(status: &PlatformStatus) -> String {
    let rows = status.volumes.iter().map(|one| {
        [
            one.name.clone(),
            one.size.clone(),
            one.capacity.clone().unwrap_or_else(|| "-".to_owned()),
            one.message.clone().unwrap_or_default(),
        ]
    });
    table(
        ["VOLUME", "SIZE", "CAPACITY", "NOTE"],
        &rows.collect::<Vec<_>>(),
    )
}

fn backups(status: &PlatformStatus) -> String {
    let rows = status.backups.iter().map(|one| {
        [
            one.name.clone(),
            one.version.clone(),
            format!("{:.1} MiB", mebibytes(one.size_bytes)),
            one.verified
                .map_or_else(|| "never".to_owned(), |time| time.to_string()),
        ]
    });
    table(
        ["BACKUP", "VERSION", "SIZE", "VERIFIED"],
        &rows.collect::<Vec<_>>(),
    )
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn mebibytes(bytes: i64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// As kubectl prints ages: the largest unit.
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{}s", seconds.max(0)),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
