//! The real API servers of this test binary: one bare, one with the controller-manager.

use std::path::PathBuf;
use std::process::{Command, id};
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use operator::api;
use operator::client::{Wire, connect_through};
use operator_core::object::Kind;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::sleep;

static BARE: OnceCell<Server> = OnceCell::const_new();
static MANAGED: OnceCell<Server> = OnceCell::const_new();
static LENIENT: OnceCell<Server> = OnceCell::const_new();

/// A server with our CRDs.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) kubeconfig: PathBuf,
}

/// etcd and kube-apiserver alone: a test plays the controllers itself.
pub(crate) async fn bare() -> Server {
    BARE.get_or_init(|| start("bare", "0", operator_core::crds()))
        .await
        .clone()
}

/// With the controller-manager: garbage is collected, namespaces end.
pub(crate) async fn managed() -> Server {
    MANAGED
        .get_or_init(|| start("managed", "1", operator_core::crds()))
        .await
        .clone()
}

/// With CRDs that admit any spec, as an older one may have done. Never a shared server.
pub(crate) async fn lenient() -> Server {
    let mut crds = operator_core::crds();
    for version in crds.iter_mut().flat_map(|crd| &mut crd.spec.versions) {
        let mut schema = serde_json::to_value(&version.schema).unwrap();
        let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        schema["openAPIV3Schema"]["properties"]["spec"] = any;
        schema["openAPIV3Schema"]["x-kubernetes-validations"] = json!([]);
        version.schema = serde_json::from_value(schema).unwrap();
    }
    LENIENT
        .get_or_init(|| start_at(start_own("lenient", "0"), crds))
        .await
        .clone()
}

/// A client of the test itself.
pub(crate) fn client(config: &Config) -> Client {
    through(config, |wire| wire)
}

/// A client whose every attempt passes `middle`.
pub(crate) fn through(config: &Config, middle: impl FnOnce(Wire) -> Wire) -> Client {
    connect_through(config.clone(), middle).unwrap()
}

/// `SLIM_KUBECONFIG` names a server that runs already, with whatever controllers it has.
async fn start(name: &str, controllers: &str, crds: Vec<CustomResourceDefinition>) -> Server {
    match std::env::var_os("SLIM_KUBECONFIG") {
        Some(kubeconfig) => start_at(async { PathBuf::from(kubeconfig) }, crds).await,
        None => start_at(start_own(name, controllers), crds).await,
    }
}

async fn start_at(
    kubeconfig: impl Future<Output = PathBuf>,
    crds: Vec<CustomResourceDefinition>,
) -> Server {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = kubeconfig.await;
    let parsed = Kubeconfig::read_from(&kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(parsed, &options)
        .await
        .unwrap();
    let all = crds.into_iter().chain(of_other_products()).collect();
    install_crds(&client(&config), all).await;
    Server { config, kubeconfig }
}

/// The server ends with this process, whichever way that ends.
async fn start_own(name: &str, controller_manager: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("operator-it-{}-{name}", id()));
    let slim = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cluster/slim");
    let mut command = Command::new(slim);
    command
        .arg("up")
        .arg(&folder)
        .args(["--owner", &id().to_string()]);
    command.env("SLIM_CONTROLLER_MANAGER", controller_manager);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{slim} up failed: {words}");
    folder.join("kubeconfig")
}

/// Kinds of other products, without their products: any body will do.
fn of_other_products() -> Vec<CustomResourceDefinition> {
    let optional = Kind::ALL.iter().copied().filter(|kind| kind.optional());
    optional
        .map(|kind| serde_json::from_value(bare_crd(&api::resource(kind))).unwrap())
        .collect()
}

fn bare_crd(resource: &ApiResource) -> Value {
    let name = format!("{}.{}", resource.plural, resource.group);
    let any = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": name,
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": resource.group,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "plural": resource.plural,
                "singular": resource.kind.to_lowercase(),
            },
            "versions": [{
                "name": resource.version,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": any, "status": any},
                }},
            }],
        },
    })
}

/// As `kubectl apply -f crds/` would, then waits until they are served.
async fn install_crds(client: &Client, wanted: Vec<CustomResourceDefinition>) {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in &wanted {
        let apply = PatchParams::apply("test").force();
        crds.patch(&crd.name_any(), &apply, &Patch::Apply(crd))
            .await
            .unwrap();
    }
    for crd in &wanted {
        for _ in 0..100 {
            if established(&crds.get(&crd.name_any()).await.unwrap()) {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn established(crd: &CustomResourceDefinition) -> bool {
    let status = crd.status.as_ref();
    let conditions = status
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten();
    conditions
        .into_iter()
        .any(|one| one.type_ == "Established" && one.status == "True")
}
