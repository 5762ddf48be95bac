//! What holds for emitted objects beyond their pods: kept data, reserved variables, alerts.

use std::collections::BTreeSet;

use operator_core::object::Kind;
use serde_json::{Value, json};

use crate::fixtures::{SAMPLES, sample};
use crate::test_pods::problems;
use crate::world::at_rest;

#[test]
fn data_that_is_kept_is_not_pruned_by_argo_cd() {
    for name in SAMPLES {
        for (key, body) in &at_rest(&sample(name)).bodies {
            let metadata = &body["metadata"];
            let annotations = &metadata["annotations"];
            let kept = metadata.get("ownerReferences").is_none();
            let sync = annotations["argocd.argoproj.io/sync-options"].as_str();
            let compare = annotations["argocd.argoproj.io/compare-options"].as_str();
            assert_eq!(sync, kept.then_some("Prune=false,Delete=false"), "{key}");
            assert_eq!(compare, kept.then_some("IgnoreExtraneous"), "{key}");
        }
    }
}

/// `LOG_LEVEL` is the one variable that the spec may set beside the operator.
#[test]
fn every_variable_that_the_operator_sets_is_reserved() {
    // A check of a whole spec takes a while, and samples share most variables.
    let mut checked = BTreeSet::new();
    for name in SAMPLES {
        let platform = sample(name);
        let bodies = at_rest(&platform).bodies;
        for (key, body) in bodies
            .iter()
            .filter(|(key, _)| key.kind == Kind::Deployment)
        {
            let component = body["metadata"]["labels"]["app.kubernetes.io/component"].clone();
            let env = &body["spec"]["template"]["spec"]["containers"][0]["env"];
            for variable in env.as_array().into_iter().flatten() {
                let mut changed = platform.clone();
                let services = &mut changed.spec.services;
                let workload = match component.as_str().expect("text") {
                    "auth" => &mut services.auth.workload,
                    "creator-hub" => &mut services.creator_hub.workload,
                    "ai-engine" => &mut services.ai_engine.workload,
                    "channel" => &mut services.channel.workload,
                    _ => continue,
                };
                let variable = variable["name"].as_str().expect("a name");
                let given = workload.env.iter().any(|own| own.name == variable);
                let in_template = workload.pod_template.as_ref().is_some_and(|template| {
                    Value::Object(template.clone())
                        .to_string()
                        .contains(variable)
                });
                let known = !checked.insert((component.to_string(), variable.to_owned()));
                if variable == "LOG_LEVEL" || given || in_template || known {
                    continue;
                }
                let own = json!({"name": variable, "value": "mine"});
                workload
                    .env
                    .push(serde_json::from_value(own).expect("a variable"));
                let found = problems(&changed);
                assert!(
                    found.iter().any(|one| one.contains(variable)),
                    "{key}: {variable}"
                );
            }
        }
    }
}

/// Alerts of `shop` are not those of `shop-eu`, which may be in the same namespace.
#[test]
fn alerts_are_about_one_platform() {
    let mut platform = sample("full");
    platform.metadata.name = Some("shop".to_owned());
    let world = at_rest(&platform);
    let rule = world
        .bodies
        .iter()
        .find(|(key, _)| key.kind == Kind::PrometheusRule);
    let text = rule.expect("rules").1.to_string();
    let quoted = text.split("=~\\\"").skip(1);
    let patterns: Vec<_> = quoted
        .map(|rest| rest.split("\\\"").next().expect("an end"))
        .map(|pattern| regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern"))
        .collect();
    assert_eq!(patterns.len(), 3, "{text}");
    let meets = |name: &str| patterns.iter().any(|pattern| pattern.is_match(name));
    for ours in [
        "shop-auth",
        "shop-channel",
        "shop-postgres",
        "shop-postgres-1",
        "shop-files",
        "shop-backup",
        "shop-backup-28423430",
        "shop-migrate-0a1b2c3d",
    ] {
        assert!(meets(ours), "{ours}");
    }
    for theirs in [
        "shop-eu-auth",
        "shop-eu-postgres",
        "shop-eu-migrate-0a1b2c3d",
        "workshop-auth",
    ] {
        assert!(!meets(theirs), "{theirs}");
    }
}
