//! Autoscalers and disruption budgets.

use serde_json::json;

use crate::api::workload::Workload;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::labels;

/// Whether a workload has more than one replica.
pub(crate) fn many(workload: &Workload) -> bool {
    workload.autoscaling.as_ref().map_or_else(
        || workload.replicas.unwrap_or(1) > 1,
        |scaling| scaling.max > 1,
    )
}

/// What scales a service and keeps some of it up.
pub(crate) fn draft(sketch: &mut Sketch<'_>, component: Component, workload: &Workload) {
    let name = sketch.resolved.object_name(component.name());
    if let Some(scaling) = &workload.autoscaling {
        let key = ObjectKey::new(Kind::HorizontalPodAutoscaler, &name);
        let spec = json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "metrics": [{"type": "Resource", "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": scaling.cpu},
            }}],
        });
        sketch.apply(component, key, json!({"spec": spec}));
    }
    let fewest = workload
        .autoscaling
        .as_ref()
        .map_or_else(|| workload.replicas.unwrap_or(1), |scaling| scaling.min);
    if fewest > 1 {
        budget(sketch, component);
    }
}

/// One pod at a time may be taken away. A single replica has no budget: it would block drains.
pub(crate) fn budget(sketch: &mut Sketch<'_>, component: Component) {
    let key = ObjectKey::new(
        Kind::PodDisruptionBudget,
        sketch.resolved.object_name(component.name()),
    );
    let spec = json!({
        "maxUnavailable": 1,
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
        "selector": {"matchLabels": labels::selector(sketch.resolved, component)},
    });
    sketch.apply(component, key, json!({"spec": spec}));
}
