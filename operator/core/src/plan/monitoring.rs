//! Objects of the Prometheus operator, where it is installed.

use serde_json::{Value, json};
use shared_config::{Service, Store, wiring};

use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::{backups, labels};
use crate::resolve::Resolved;

/// What is scraped, and what wakes somebody up.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let settings = &sketch.resolved.spec.monitoring;
    let name = sketch.resolved.name.clone();
    let labels: Value = json!({"labels": settings.labels});
    let there = |kind| sketch.observed.optional_kinds.contains(&kind);
    let scrapes = settings.service_monitor && there(Kind::ServiceMonitor);
    let alerts = settings.prometheus_rule && there(Kind::PrometheusRule);
    if scrapes {
        let spec = json!({
            "selector": {"matchLabels": {
                labels::PART_OF: labels::PRODUCT,
                labels::INSTANCE: name,
            }},
            "endpoints": [{"port": "metrics", "path": wiring::METRICS, "interval": "30s"}],
        });
        let key = ObjectKey::new(Kind::ServiceMonitor, &name);
        let rest = json!({"metadata": labels, "spec": spec});
        sketch.apply(Component::Platform, key, rest);
    }
    if alerts {
        let rules = rules(sketch.resolved);
        let spec = json!({"groups": [{"name": "creator-platform", "rules": rules}]});
        let key = ObjectKey::new(Kind::PrometheusRule, &name);
        let rest = json!({"metadata": labels, "spec": spec});
        sketch.apply(Component::Platform, key, rest);
    }
}

/// Names are listed in full: what begins with this platform's name may be another's.
fn rules(resolved: &Resolved) -> Value {
    let (namespace, name) = (&resolved.namespace, &resolved.name);
    let services = Service::ALL.map(Service::name).join("|");
    let stores = Store::ALL.map(Store::name).join("|");
    let ours = format!("namespace=\"{namespace}\"");
    let alert = |alert: &str, expr: String, minutes: u32, severity: &str, summary: &str| {
        json!({
            "alert": alert,
            "expr": expr,
            "for": format!("{minutes}m"),
            "labels": {"severity": severity, "platform": name},
            "annotations": {"summary": summary, "runbook": format!("docs/runbook.md#{alert}")},
        })
    };
    let mut rules = vec![
        alert(
            "CreatorPlatformServiceDown",
            format!("up{{{ours},service=~\"{name}-({services})\"}} == 0"),
            5,
            "critical",
            "A service of the platform is not reachable.",
        ),
        alert(
            "CreatorPlatformVolumeNearlyFull",
            format!(
                "kubelet_volume_stats_available_bytes\
                 {{{ours},persistentvolumeclaim=~\
                 \"{name}-({stores}|files|backups?|postgres-[0-9]+(-wal)?)\"}} \
                 / kubelet_volume_stats_capacity_bytes < 0.1"
            ),
            15,
            "warning",
            "A volume of the platform has less than 10 % of its space free; grow it in the spec.",
        ),
        alert(
            "CreatorPlatformJobFailed",
            format!(
                "kube_job_status_failed\
                 {{{ours},job_name=~\"{name}-(migrate-[0-9a-f]{{8}}|restore-[0-9a-f]{{8}}\
                 |backups?-[0-9a-f]+|verify-[0-9]+)\"}} > 0"
            ),
            15,
            "warning",
            "A migration, a backup, a check of backups or a restore of the platform failed.",
        ),
    ];
    rules.extend(too_old(resolved).map(|expr| {
        alert(
            "CreatorPlatformBackupTooOld",
            expr,
            15,
            "critical",
            "The newest backup of the platform is older than spec.backup.maxAge.",
        )
    }));
    Value::Array(rules)
}

/// The age of the last backup by schedule; of the schedule itself while there is none. Backups on
/// demand are not known to Prometheus without a scrape of the operator.
fn too_old(resolved: &Resolved) -> Option<String> {
    let settings = resolved.spec.backup.as_ref()?;
    let seconds = settings.max_age.seconds();
    if settings.schedule.is_none() || seconds == 0 {
        return None;
    }
    let schedule = format!(
        "{{namespace=\"{}\",cronjob=\"{}\"}}",
        resolved.namespace,
        backups::name(&resolved.name)
    );
    Some(format!(
        "time() - max(kube_cronjob_status_last_successful_time{schedule} \
         or kube_cronjob_created{schedule}) > {seconds}"
    ))
}
