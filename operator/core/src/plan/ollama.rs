//! Ollama, and the Job that makes its models available.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared_config::{Service, Store, keys};

use crate::api::ollama::{Model, ModelSource, ModelUse};
use crate::api::stores::StoreMode;
use crate::component::Component;
use crate::hash;
use crate::object::{Kind, ObjectKey};
use crate::plan::draft::Sketch;
use crate::plan::pod::{self, Pod};
use crate::plan::{foundation, job, labels, network, placement, volume};
use crate::resolve::Resolved;

const COMPONENT: Component = Component::Store(Store::Ollama);

/// Where ai-engine finds Ollama.
pub(crate) fn url(resolved: &Resolved) -> String {
    let own = resolved.object_name(Store::Ollama.name());
    resolved.spec.ollama.external.as_ref().map_or_else(
        || format!("http://{own}:{}", Store::Ollama.port()),
        |external| external.url.clone(),
    )
}

/// The objects of Ollama.
pub(crate) fn draft(sketch: &mut Sketch<'_>) {
    let settings = &sketch.resolved.spec.ollama;
    if settings.mode == StoreMode::External {
        return;
    }
    let name = sketch.resolved.object_name(Store::Ollama.name());
    volume::claim(sketch, COMPONENT, &name, &settings.storage, "ReadWriteOnce");
    network::service(sketch, COMPONENT, &[("http", 11434)], false);
    let container = server(sketch);
    let pod = Pod {
        component: COMPONENT,
        service_account: foundation::service_account(sketch.resolved),
        init_containers: copies(sketch),
        containers: vec![container],
        volumes: vec![json!({"name": "data", "persistentVolumeClaim": {"claimName": name}})],
        grace_seconds: 30,
        spread: None,
        runs_once: false,
        overrides: sketch
            .resolved
            .spec
            .ollama
            .pod_template
            .clone()
            .map(Value::Object),
    };
    let template = pod::template(sketch, pod);
    let deployment = json!({
        "spec": {
            "replicas": 1,
            // As long as the start may take; the default is ten minutes.
            "progressDeadlineSeconds": pod::STORE_STARTUP_SECONDS + 600,
            // A second pod could neither have the volume nor the graphics processor.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels::selector(sketch.resolved, COMPONENT)},
            "template": template,
        },
    });
    let key = ObjectKey::new(Kind::Deployment, &name);
    sketch.apply(COMPONENT, key, deployment);
}

fn server(sketch: &Sketch<'_>) -> Value {
    let settings = &sketch.resolved.spec.ollama;
    let mut resources = pod::resources(settings.resources.as_ref(), "100m", "512Mi", "6Gi");
    if let Some(gpu) = &settings.gpu {
        resources["limits"][&gpu.resource] = json!(gpu.count.to_string());
        resources["requests"][&gpu.resource] = json!(gpu.count.to_string());
    }
    let answers = |period: i32, failures: i32| {
        json!({
            "httpGet": {"path": "/api/version", "port": "http"},
            "periodSeconds": period, "timeoutSeconds": 3, "failureThreshold": failures,
        })
    };
    pod::container(
        sketch,
        COMPONENT.name(),
        &sketch.resolved.spec.images.ollama,
        json!({
            "command": ["ollama", "serve"],
            "env": [
                pod::variable("HOME", "/tmp"),
                // Without a host it listens for both families of addresses.
                pod::variable("OLLAMA_HOST", ":11434"),
                pod::variable("OLLAMA_MODELS", "/data/models"),
                pod::variable("OLLAMA_KEEP_ALIVE", keep_alive(settings.keep_alive.seconds())),
            ],
            "ports": [{"name": "http", "containerPort": Store::Ollama.port()}],
            "resources": resources,
            "startupProbe": answers(1, pod::STORE_STARTUP_SECONDS),
            "readinessProbe": answers(5, 3),
            "livenessProbe": answers(20, 6),
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }),
    )
}

/// Ollama reads spans as Go does: days are unknown to it.
fn keep_alive(seconds: i64) -> String {
    format!("{seconds}s")
}

/// One init container per image that carries models. A mark is set last, so that a copy that was
/// cut short is made again.
fn copies(sketch: &Sketch<'_>) -> Vec<Value> {
    let models = &sketch.resolved.spec.ollama.models;
    let images: BTreeSet<&String> = models
        .iter()
        .filter_map(|model| model.image.as_ref())
        .collect();
    let copy = |image: &String| {
        let name = format!("models-{}", &hash::of_text(image)[..8]);
        let mark = format!("/data/.{name}");
        let script = format!(
            "[ -e {mark} ] || {{ mkdir -p /data/models && cp -r /models/. /data/models/ && \
             touch {mark}; }}"
        );
        pod::container(
            sketch,
            &name,
            image,
            json!({
                "command": ["sh", "-c", script],
                "resources": pod::job_resources(
                    sketch.resolved.spec.ollama.models_job.as_ref(),
                    "256Mi",
                ),
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }),
        )
    };
    images.into_iter().map(copy).collect()
}

/// The Job that fetches models and waits until they answer.
pub(crate) fn models(sketch: &mut Sketch<'_>) {
    let resolved = sketch.resolved;
    let list: Vec<Value> = resolved.spec.ollama.models.iter().map(listed).collect();
    let list = Value::from(list).to_string();
    let image = resolved.service_image(Service::AiEngine);
    let container = pod::container(
        sketch,
        Component::Models.name(),
        &image,
        json!({
            "command": [Service::AiEngine.binary(), "models"],
            "env": [
                pod::variable(keys::LOG_LEVEL, "info"),
                pod::variable(keys::OLLAMA_URL, url(resolved)),
                pod::variable(keys::MODELS, &list),
                pod::variable(keys::CHAT_MODEL, resolved.model(ModelUse::Chat)),
                pod::variable(keys::EMBEDDING_MODEL, resolved.model(ModelUse::Embedding)),
                pod::variable(keys::TERMINATION_LOG, job::TERMINATION_LOG),
            ],
            "resources": pod::job_resources(resolved.spec.ollama.models_job.as_ref(), "128Mi"),
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }),
    );
    job::draft(
        sketch,
        job::Run {
            component: Component::Models,
            init_containers: Vec::new(),
            container,
            volumes: Vec::new(),
            backoff_limit: 6,
            overrides: placement::of_job(
                resolved.spec.ollama.models_job.as_ref(),
                placement::MODELS_TIMEOUT,
            ),
            facts: vec![
                list,
                // A volume that was emptied by a change of mode or class needs its models again.
                url(resolved),
                format!("{:?}", resolved.spec.ollama.storage.class_name),
            ],
        },
    );
}

fn listed(model: &Model) -> Value {
    let purpose = match model.purpose {
        ModelUse::Chat => "chat",
        ModelUse::Embedding => "embedding",
    };
    let source = match model.source {
        ModelSource::Pull => "pull",
        ModelSource::Image => "image",
        ModelSource::Url => "url",
    };
    let mut listed = json!({"name": model.name, "use": purpose, "source": source});
    if let Some(url) = &model.url {
        listed["url"] = json!(url);
    }
    listed
}
