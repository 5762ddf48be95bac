//! Operators that contend for leases, as processes do.

use k8s_openapi::api::coordination::v1::Lease;
use kube::Config;
use kube::api::{Api, Patch, PatchParams};
use operator::context::Context;
use operator::controller::Scope;
use operator::leadership::{Candidate, Connections, Role, lead};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::wire::{Call, Calls, Fault};
use crate::world::{Operator, World};

impl World {
    /// Starts a replica of an operator of that name, as whoever `config` says.
    pub(crate) fn replica_as(&self, config: &Config, operator: &str) -> Operator {
        let calls = Calls::new(Fault::None);
        let middle = calls.clone();
        let connections = Connections::through(config.clone(), move |wire| middle.middle()(wire));
        let (namespace, name) = (self.namespace.clone(), operator.to_owned());
        let candidate = Candidate::new(namespace.clone(), Some(name.clone()), Some("test"));
        let scope = Scope::Namespaces(vec![namespace.clone()]);
        let stop = CancellationToken::new();
        let ended = stop.clone();
        let task = tokio::spawn(async move {
            let role = Role::default();
            let context = |client| {
                let context = Context::new(client, Some("test".to_owned()));
                context.in_pod_of(Some(namespace.clone()), Some(&name))
            };
            let ends = (&role, &ended);
            let led = lead(&connections, &candidate, &scope, ends, context);
            led.await.unwrap();
        });
        Operator { calls, stop, task }
    }

    /// Starts a replica of an operator of that name.
    pub(crate) fn replica(&self, operator: &str) -> Operator {
        self.replica_as(&self.config, operator)
    }

    pub(crate) fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Waits until a lease has another holder than `before`; answers who that is.
    pub(crate) async fn until_held(&self, lease: &str, before: Option<&str>) -> String {
        self.until_some(&format!("another holder of {lease}"), async || {
            let found = self.leases().get_opt(lease).await.ok()??;
            let holder = found.spec?.holder_identity?;
            (Some(holder.as_str()) != before).then_some(holder)
        })
        .await
    }

    /// As a person who edits a lease.
    pub(crate) async fn edit_lease(&self, lease: &str, spec: Value) {
        let patch = Patch::Merge(serde_json::json!({ "spec": spec }));
        self.leases()
            .patch(lease, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }
}

impl Operator {
    /// The calls that were about something else than a lease.
    pub(crate) fn work(&self) -> Vec<Call> {
        let mut calls = self.calls.all();
        calls.retain(|call| !call.path.contains("/leases"));
        calls
    }
}
