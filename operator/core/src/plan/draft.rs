//! Collects the objects that a platform consists of, before anything is compared.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::component::Component;
use crate::hash;
use crate::object::{Kind, ObjectKey};
use crate::observed::Observed;
use crate::plan::{APPLIED_HASH, Desired, Generate, Volume, labels};
use crate::resolve::Resolved;

/// An object of a part.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) component: Component,
    pub(crate) key: ObjectKey,
    pub(crate) desired: Desired,
}

/// A key of a Secret that pods read and that was not found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MissingKey {
    pub(crate) component: Component,
    pub(crate) secret: String,
    pub(crate) key: String,
}

/// Collects the objects of a platform.
pub(crate) struct Sketch<'a> {
    pub(crate) resolved: &'a Resolved,
    pub(crate) observed: &'a Observed,
    pub(crate) drafts: Vec<Draft>,
    /// Content of the `ConfigMap`s so far, since the hash of a pod template needs it.
    pub(crate) config: BTreeMap<String, Value>,
    pub(crate) missing: BTreeSet<MissingKey>,
    /// Kinds of other products that the spec needs and the API server does not serve.
    pub(crate) missing_kinds: BTreeSet<(Component, Kind)>,
    /// Volumes that the spec asks for.
    pub(crate) volumes: Vec<Volume>,
    /// Names of the Secrets that the operator makes.
    pub(crate) generated: BTreeSet<String>,
}

impl<'a> Sketch<'a> {
    pub(crate) const fn new(resolved: &'a Resolved, observed: &'a Observed) -> Self {
        Self {
            resolved,
            observed,
            drafts: Vec::new(),
            config: BTreeMap::new(),
            missing: BTreeSet::new(),
            missing_kinds: BTreeSet::new(),
            volumes: Vec::new(),
            generated: BTreeSet::new(),
        }
    }

    /// Whether the operator makes the Secret of that name.
    pub(crate) fn makes_secret(&self, name: &str) -> bool {
        self.generated.contains(name)
    }

    /// An object that goes with the platform; `rest` is everything but kind and metadata.
    pub(crate) fn apply(&mut self, component: Component, key: ObjectKey, rest: Value) {
        let owner = labels::owner(self.resolved);
        let body = self.body(component, &key, rest, owner);
        let desired = Desired::Apply(hashed(body));
        self.drafts.push(Draft {
            component,
            key,
            desired,
        });
    }

    /// An object with data: it outlives the platform, unless its deletion is confirmed.
    pub(crate) fn retain(&mut self, component: Component, key: ObjectKey, rest: Value) {
        let owner = self.owner_of_data();
        self.lasting(component, key, rest, owner);
    }

    /// An object that outlives the platform whatever happens to its data.
    pub(crate) fn keep(&mut self, component: Component, key: ObjectKey, rest: Value) {
        self.lasting(component, key, rest, None);
    }

    /// The platform, once it is confirmed that its data goes with it.
    fn owner_of_data(&self) -> Option<Value> {
        let deletes = self.resolved.deletes_data;
        labels::owner(self.resolved).filter(|_| deletes)
    }

    fn lasting(&mut self, component: Component, key: ObjectKey, rest: Value, owner: Option<Value>) {
        let body = self.body(component, &key, labels::kept(rest), owner);
        let desired = Desired::Apply(hashed(body));
        self.drafts.push(Draft {
            component,
            key,
            desired,
        });
    }

    /// A `ConfigMap`: before the workloads that read it.
    pub(crate) fn config_map(&mut self, component: Component, name: &str, data: &Value) {
        self.config.insert(name.to_owned(), data.clone());
        let key = ObjectKey::new(Kind::ConfigMap, name);
        self.apply(component, key, json!({"data": data}));
    }

    /// A Secret with values that are made once.
    pub(crate) fn secret(
        &mut self,
        component: Component,
        name: &str,
        rest: Value,
        generate: &[(&str, Generate)],
    ) {
        let key = ObjectKey::new(Kind::Secret, name);
        let owner = self.owner_of_data();
        let body = self.body(component, &key, labels::kept(rest), owner);
        let generate = generate
            .iter()
            .map(|(key, how)| ((*key).to_owned(), *how))
            .collect();
        let desired = Desired::Secret { body, generate };
        self.drafts.push(Draft {
            component,
            key,
            desired,
        });
    }

    fn body(
        &self,
        component: Component,
        key: &ObjectKey,
        rest: Value,
        owner: Option<Value>,
    ) -> Value {
        let mut body = rest;
        let given = body["metadata"].take();
        let mut metadata = json!({
            "name": key.name,
            "namespace": self.resolved.namespace,
            "labels": labels::of_object(self.resolved, component),
        });
        for field in ["labels", "annotations"] {
            for (name, value) in given[field].as_object().into_iter().flatten() {
                metadata[field][name] = value.clone();
            }
        }
        if let Some(owner) = owner {
            metadata["ownerReferences"] = json!([owner]);
        }
        body["apiVersion"] = json!(key.kind.api_version());
        body["kind"] = json!(key.kind.kind());
        body["metadata"] = metadata;
        body
    }
}

/// Adds the hash of a body to its annotations: it shows fields that were removed since.
fn hashed(mut body: Value) -> Value {
    let hash = hash::of_value(&body);
    body["metadata"]["annotations"][APPLIED_HASH] = json!(hash);
    body
}
