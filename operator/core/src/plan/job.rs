//! Jobs that run once per input: their name is the hash of what they depend on.

use serde_json::{Value, json};

use crate::component::Component;
use crate::hash;
use crate::object::{Kind, ObjectKey};
use crate::plan::compare::applied_hash;
use crate::plan::draft::Sketch;
use crate::plan::foundation;
use crate::plan::pod::{self, Pod};
use crate::resolve::Resolved;
use crate::rollout::{self, JobState};

/// Where a Job leaves its last words.
pub(crate) const TERMINATION_LOG: &str = "/dev/termination-log";

/// What differs between Jobs.
pub(crate) struct Run {
    pub(crate) component: Component,
    pub(crate) init_containers: Vec<Value>,
    pub(crate) container: Value,
    pub(crate) volumes: Vec<Value>,
    pub(crate) backoff_limit: i32,
    /// What the spec says about it, merged last.
    pub(crate) overrides: Value,
    /// What makes it another run, besides image, credentials and the retry annotation.
    pub(crate) facts: Vec<String>,
}

/// A Job that runs once for an input, whatever image or credentials it begins with.
pub(crate) fn once(sketch: &mut Sketch<'_>, pod: Pod, backoff_limit: i32, input: &Value) {
    let name = name(sketch.resolved, pod.component, input);
    apply(sketch, &name, pod, backoff_limit);
}

/// The name of a Job of a component, from what makes it another run.
pub(crate) fn name(resolved: &Resolved, component: Component, input: &Value) -> String {
    let hash = hash::of_value(input);
    resolved.object_name(&format!("{}-{}", component.name(), &hash[..8]))
}

/// A Job. It is kept when it is done: that it is there says that it need not run.
pub(crate) fn draft(sketch: &mut Sketch<'_>, run: Run) {
    let resolved = sketch.resolved;
    let image = run.container["image"].clone();
    let credentials = pod::credentials_hash(sketch, &run.container);
    let pod = Pod {
        component: run.component,
        service_account: foundation::service_account(resolved),
        init_containers: run.init_containers,
        containers: vec![run.container],
        volumes: run.volumes,
        grace_seconds: 30,
        spread: None,
        runs_once: true,
        overrides: Some(run.overrides),
    };
    let input = json!({
        "image": image,
        "credentials": credentials,
        "facts": run.facts,
        "retry": resolved.retry,
    });
    let name = name(resolved, run.component, &input);
    apply(sketch, &name, pod, run.backoff_limit);
}

fn apply(sketch: &mut Sketch<'_>, name: &str, pod: Pod, backoff_limit: i32) {
    let component = pod.component;
    let mut template = pod::template(sketch, pod);
    template["spec"]["restartPolicy"] = json!("Never");
    let spec = json!({
        "backoffLimit": backoff_limit,
        // A pod that a drained node took along is no failure of the Job.
        "podFailurePolicy": {"rules": [{
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        }]},
        "template": template,
    });
    let key = ObjectKey::new(Kind::Job, name);
    sketch.apply(component, key, json!({"spec": spec}));
}

/// Whether a Job that still waits for a node or for its quota is of an earlier template: nothing is
/// lost if it is made again, and otherwise it would never get the toleration that it lacks.
pub(crate) fn is_superseded(live: &Value, desired: &Value) -> bool {
    let status = &live["status"];
    let works = ["ready", "succeeded"]
        .iter()
        .any(|field| status[*field].as_i64().unwrap_or_default() > 0);
    let before = applied_hash(live);
    rollout::job(live) == JobState::Running
        && !works
        && before.is_some()
        && before != applied_hash(desired)
}
