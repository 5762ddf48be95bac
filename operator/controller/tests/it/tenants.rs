//! A platform that is ready, its real auth, and operators whose every write to Kubernetes and to
//! auth may be broken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::Config;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use operator::context::{Context, Pace};
use operator::controller::{Scope, run};
use operator_core::api::{Condition, ConditionStatus, Tenant};
use serde_json::{Value, json};
use shared_config::keys;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::auth::{Auth, proxy};
use crate::server;
use crate::stand_in::StandIn;
use crate::wire::{Calls, Fault};
use crate::world::{Operator, PATIENCE, World};

/// Fast enough for a test, slow enough to tell a resync from a loop.
pub(crate) const PACE: Pace = Pace {
    platform: Duration::from_mins(10),
    waiting: Duration::from_secs(15),
    relist: Duration::from_mins(10),
    tenant: Duration::from_secs(2),
    census: Duration::from_millis(400),
    counts: Duration::from_millis(300),
};

/// A platform, ready to take Tenants.
pub(crate) struct Tenants {
    pub(crate) world: World,
    pub(crate) platform: String,
    pub(crate) auth: Auth,
    _stand_in: StandIn,
}

impl Tenants {
    pub(crate) async fn new(name: &str) -> Self {
        let world = World::bare(name).await;
        let stand_in = world.stand_in();
        let installer = world.operator();
        let platform = world.apply_sample("minimal").await;
        world.until_ready(&platform).await;
        installer.stop().await;
        let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
        let secret = secrets.get(&format!("{platform}-provisioning")).await;
        let data = secret.unwrap().data.unwrap();
        let token = String::from_utf8(data[keys::PROVISIONING_TOKEN].0.clone()).unwrap();
        Self {
            auth: Auth::start(&token).await,
            world,
            platform,
            _stand_in: stand_in,
        }
    }

    /// An operator that is not disturbed.
    pub(crate) async fn operator(&self) -> Operator {
        self.faulty_operator(Fault::None).await
    }

    /// An operator one of whose writes, to Kubernetes or to auth, is broken.
    pub(crate) async fn faulty_operator(&self, fault: Fault) -> Operator {
        self.operator_at(fault, PACE).await
    }

    pub(crate) async fn operator_at(&self, fault: Fault, pace: Pace) -> Operator {
        self.operator_as(&self.world.config, fault, pace).await
    }

    /// With a configuration of its own, for example as somebody else.
    pub(crate) async fn operator_as(&self, config: &Config, fault: Fault, pace: Pace) -> Operator {
        let calls = Calls::new(fault);
        let client = server::through(config, calls.middle());
        let proxy = proxy(calls.clone(), self.auth.inside.clone()).await;
        let context = Context::new(client, Some("test".to_owned()))
            .with_auth_at(Some(proxy))
            .with_pace(pace);
        let scope = Scope::Namespaces(vec![self.world.namespace.clone()]);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(Arc::new(context), scope, stop.clone()));
        Operator { calls, stop, task }
    }

    pub(crate) fn api(&self) -> Api<Tenant> {
        Api::namespaced(self.world.client.clone(), &self.world.namespace)
    }

    /// A Tenant as a person would write it.
    pub(crate) fn body(&self, name: &str) -> Value {
        json!({
            "apiVersion": "creatorplatform.io/v1alpha1",
            "kind": "Tenant",
            "metadata": {"name": name},
            "spec": {
                "platformRef": {"name": self.platform},
                "displayName": "Ada's Coaching",
                "owner": {"email": format!("{name}@example.org"), "fullName": "Ada Lovelace"},
                "plan": "pro",
                "allowedOrigins": ["https://b.example.org", "https://a.example.org"],
            },
        })
    }

    /// Creates or changes a Tenant as `kubectl apply` would.
    pub(crate) async fn apply(&self, tenant: &Value) {
        let name = tenant["metadata"]["name"].as_str().unwrap();
        let apply = PatchParams::apply("test").force();
        let patched = self.api().patch(name, &apply, &Patch::Apply(tenant)).await;
        patched.unwrap();
    }

    pub(crate) async fn merge(&self, name: &str, change: Value) {
        let params = PatchParams::default();
        let patched = self.api().patch(name, &params, &Patch::Merge(change)).await;
        patched.unwrap();
    }

    pub(crate) async fn delete(&self, name: &str) {
        let deleted = self.api().delete(name, &DeleteParams::default()).await;
        deleted.unwrap();
    }

    /// Waits until the Tenant is as asked; answers how long that took.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        is_so: impl Fn(&Tenant) -> bool,
    ) -> Duration {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < PATIENCE {
            if let Ok(tenant) = self.api().get(name).await {
                if is_so(&tenant) {
                    return began.elapsed();
                }
                last = tenant.status;
            }
            sleep(Duration::from_millis(30)).await;
        }
        panic!("{name} never was {what}: {last:#?}");
    }

    pub(crate) async fn until_ready(&self, name: &str) -> Duration {
        self.until(name, "ready", is_ready).await
    }

    pub(crate) async fn until_reason(&self, name: &str, reason: &str) {
        let is_so = |tenant: &Tenant| ready(tenant).is_some_and(|one| one.reason == reason);
        self.until(name, reason, is_so).await;
    }

    pub(crate) async fn until_gone(&self, name: &str) {
        let gone = async || {
            self.api()
                .get_opt(name)
                .await
                .unwrap()
                .is_none()
                .then_some(())
        };
        self.world.until_some("gone", gone).await;
    }

    pub(crate) async fn get(&self, name: &str) -> Tenant {
        self.api().get(name).await.unwrap()
    }

    pub(crate) async fn owner_secret(&self, name: &str) -> Option<Secret> {
        let secrets: Api<Secret> =
            Api::namespaced(self.world.client.clone(), &self.world.namespace);
        secrets.get_opt(&format!("{name}-owner")).await.unwrap()
    }
}

/// Ready, and about the present spec.
pub(crate) fn is_ready(tenant: &Tenant) -> bool {
    let status = tenant.status.as_ref();
    let observed = status.and_then(|status| status.observed_generation);
    let holds = |one: &Condition| one.status == ConditionStatus::True;
    observed == tenant.metadata.generation && ready(tenant).is_some_and(holds)
}

pub(crate) fn ready(tenant: &Tenant) -> Option<&Condition> {
    let conditions = &tenant.status.as_ref()?.conditions;
    conditions.iter().find(|one| one.kind == "Ready")
}
