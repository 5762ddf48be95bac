//! A namespace of one scenario, the operators that run in it, and what the test asks of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, Config, ResourceExt};
use operator::context::{Context, Pace};
use operator::controller::{Scope, run};
use operator_core::api::{Condition, ConditionStatus, CreatorPlatform};
use operator_core::object::{Kind, ObjectKey};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::server::{self, Server};
use crate::stand_in::StandIn;
use crate::wire::{Calls, Fault};

/// Generous: eight builds may share the machine. What was measured is printed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A namespace.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

/// An operator that runs in this process.
pub(crate) struct Operator {
    pub(crate) calls: Calls,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl World {
    /// At the API server without controllers.
    pub(crate) async fn bare(name: &str) -> Self {
        Self::at(server::bare().await, name).await
    }

    /// At the API server with the controller-manager.
    pub(crate) async fn managed(name: &str) -> Self {
        Self::at(server::managed().await, name).await
    }

    /// At an API server that admits any spec.
    pub(crate) async fn lenient(name: &str) -> Self {
        Self::at(server::lenient().await, name).await
    }

    async fn at(server: Server, name: &str) -> Self {
        let Server { config, kubeconfig } = server;
        let client = server::client(&config);
        let nanos = jiff::Timestamp::now().as_nanosecond() % 1_000_000_000_000;
        let namespace = format!("{name}-{nanos:x}");
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let body = json!({"metadata": {"name": namespace}});
        let body = serde_json::from_value(body).unwrap();
        namespaces
            .create(&PostParams::default(), &body)
            .await
            .unwrap();
        Self {
            config,
            kubeconfig,
            client,
            namespace,
        }
    }

    /// Rollouts and Jobs succeed from now on.
    pub(crate) fn stand_in(&self) -> StandIn {
        StandIn::start(&self.client, &self.namespace)
    }

    /// Starts an operator for this namespace.
    pub(crate) fn operator(&self) -> Operator {
        self.faulty_operator(Fault::None)
    }

    /// Starts an operator that dies at a write.
    pub(crate) fn faulty_operator(&self, fault: Fault) -> Operator {
        self.operator_as(&self.config, fault)
    }

    /// Starts an operator with a configuration of its own, for example as somebody else.
    pub(crate) fn operator_as(&self, config: &Config, fault: Fault) -> Operator {
        self.start(config, Calls::new(fault), Pace::default())
    }

    /// Starts an operator whose calls are broken as `calls` says, at a pace of its own.
    pub(crate) fn operator_at(&self, calls: Calls, pace: Pace) -> Operator {
        self.start(&self.config, calls, pace)
    }

    fn start(&self, config: &Config, calls: Calls, pace: Pace) -> Operator {
        let client = server::through(config, calls.middle());
        let stop = CancellationToken::new();
        let context = Context::new(client, Some("test".to_owned())).with_pace(pace);
        let context = Arc::new(context);
        let scope = Scope::Namespaces(vec![self.namespace.clone()]);
        let task = tokio::spawn(run(context, scope, stop.clone()));
        Operator { calls, stop, task }
    }

    /// Creates or changes a platform as `kubectl apply` would.
    pub(crate) async fn apply(&self, platform: &Value) {
        let name = platform["metadata"]["name"].as_str().unwrap();
        let apply = PatchParams::apply("test").force();
        self.platforms()
            .patch(name, &apply, &Patch::Apply(platform))
            .await
            .unwrap();
    }

    /// Changes some fields of a platform.
    pub(crate) async fn merge(&self, name: &str, change: Value) {
        let patch = Patch::Merge(change);
        self.platforms()
            .patch(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// Brings about a look: somebody adds a label of theirs, which is no concern of ours.
    pub(crate) async fn look_again(&self, name: &str) {
        let label = json!({"metadata": {"labels": {"test/look": "again"}}});
        let gateway = format!("{name}-gateway");
        let services = self.api(Kind::Service);
        services
            .patch(&gateway, &PatchParams::default(), &Patch::Merge(&label))
            .await
            .unwrap();
    }

    /// Applies a sample with the Secrets that it names; answers the name of its platform.
    pub(crate) async fn apply_sample(&self, file: &str) -> String {
        self.apply_with_secrets(&sample(file)).await
    }

    /// Applies the fullest sample, so that every kind of object is there.
    pub(crate) async fn apply_everything(&self) -> String {
        self.apply_with_secrets(&sample("full")).await
    }

    async fn apply_with_secrets(&self, platform: &Value) -> String {
        for name in secret_names(platform) {
            self.create_secret(&name).await;
        }
        self.apply(platform).await;
        platform["metadata"]["name"].as_str().unwrap().to_owned()
    }

    async fn create_secret(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": {
                "username": "admin", "password": "a-password-of-somebody-else",
                "SMTP_HOST": "mail.example.org", "SMTP_FROM": "platform@example.org",
                "hosted": "the-key-of-a-model-server", "ca.crt": "a certificate",
                "identity": "a private key", "accessKeyId": "key", "secretAccessKey": "secret",
            },
        });
        let apply = PatchParams::apply("test").force();
        secrets
            .patch(name, &apply, &Patch::Apply(&body))
            .await
            .unwrap();
    }

    pub(crate) fn platforms(&self) -> Api<CreatorPlatform> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(crate) fn api(&self, kind: Kind) -> Api<DynamicObject> {
        operator::api::objects(&self.client, &self.namespace, kind)
    }

    /// Every object of a platform that carries our label, of every kind that is served.
    pub(crate) async fn owned(&self, platform: &str) -> Vec<(ObjectKey, DynamicObject)> {
        let ours = format!(
            "{},app.kubernetes.io/instance={platform}",
            operator::api::ours()
        );
        let mut all = Vec::new();
        for kind in Kind::ALL.iter().copied() {
            let Ok(list) = self
                .api(kind)
                .list(&ListParams::default().labels(&ours))
                .await
            else {
                continue;
            };
            all.extend(list.into_iter().map(|object| {
                (
                    ObjectKey {
                        kind,
                        name: object.name_any(),
                    },
                    object,
                )
            }));
        }
        all
    }

    /// Waits until the platform is as asked; answers how long that took.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&CreatorPlatform) -> bool,
    ) -> Duration {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < PATIENCE {
            if let Ok(platform) = self.platforms().get(name).await {
                if is_so(&platform) {
                    return began.elapsed();
                }
                last = platform.status;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{name} in {} never was {what}: {last:#?}", self.namespace);
    }

    pub(crate) async fn until_ready(&self, name: &str) -> Duration {
        self.until(name, "ready", is_ready).await
    }

    pub(crate) async fn is_ready(&self, name: &str) -> bool {
        self.platforms()
            .get(name)
            .await
            .is_ok_and(|platform| is_ready(&platform))
    }

    /// Waits until `look` finds something.
    pub(crate) async fn until_some<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("never in {}: {what}", self.namespace);
    }

    /// Waits until an operator neither reads nor writes any more.
    pub(crate) async fn until_quiet(&self, operator: &Operator) {
        self.until_silent_for(operator, Duration::from_millis(1500))
            .await;
    }

    /// The same, for those who do it a hundred times.
    pub(crate) async fn until_still(&self, operator: &Operator) {
        self.until_silent_for(operator, Duration::from_millis(300))
            .await;
    }

    async fn until_silent_for(&self, operator: &Operator, span: Duration) {
        let mut before = operator.work().len();
        let quiet = async {
            loop {
                sleep(span).await;
                let now = operator.work().len();
                if now == before {
                    return;
                }
                before = now;
            }
        };
        timeout(PATIENCE, quiet)
            .await
            .expect("the operator never came to rest");
    }
}

impl Operator {
    /// As SIGTERM does.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("it did not stop")
            .unwrap();
    }

    /// Waits until for a while nothing was written; lists and looks go on.
    pub(crate) async fn settled(&self) {
        self.settled_for(Duration::from_millis(1300)).await;
    }

    pub(crate) async fn settled_for(&self, span: Duration) {
        let mut before = self.calls.writes().len();
        let settled = async {
            loop {
                sleep(span).await;
                let now = self.calls.writes().len();
                if now == before {
                    return;
                }
                before = now;
            }
        };
        timeout(PATIENCE, settled)
            .await
            .expect("it goes on writing");
    }

    /// As a power cut does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// A condition of a platform.
pub(crate) fn condition<'a>(platform: &'a CreatorPlatform, kind: &str) -> Option<&'a Condition> {
    platform
        .status
        .as_ref()?
        .conditions
        .iter()
        .find(|condition| condition.kind == kind)
}

pub(crate) fn holds(platform: &CreatorPlatform, kind: &str) -> bool {
    condition(platform, kind).is_some_and(|one| one.status == ConditionStatus::True)
}

/// Ready, and about the present spec.
pub(crate) fn is_ready(platform: &CreatorPlatform) -> bool {
    let observed = platform
        .status
        .as_ref()
        .and_then(|status| status.observed_generation);
    observed == platform.metadata.generation && holds(platform, "Ready")
}

/// The files of a folder of the repository, sorted.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = format!("{}/../../{folder}", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    assert!(!files.is_empty(), "nothing in {folder}");
    files
}

/// The platform of a sample.
pub(crate) fn sample(file: &str) -> Value {
    let path = format!(
        "{}/../../crds/samples/{file}.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut platform: Value = serde_yaml_ng::from_str(&text).unwrap();
    platform["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("namespace");
    platform
}

/// The Secrets that a spec refers to.
pub(crate) fn secret_names(spec: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect_secret_names(spec, &mut names);
    names
}

/// By whatever ends in `SecretRef`.
fn collect_secret_names(spec: &Value, names: &mut BTreeSet<String>) {
    match spec {
        Value::Object(fields) => {
            for (field, value) in fields {
                if field.to_lowercase().ends_with("secretref") {
                    names.extend(value["name"].as_str().map(str::to_owned));
                }
                collect_secret_names(value, names);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_secret_names(item, names)),
        _ => {}
    }
}
