//! What the edge found in one look: the only input of the plan besides the spec.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::api::status::TenantCount;
use crate::object::{Kind, ObjectKey};

/// Everything that one look found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Every object with our labels, and every object that stands where ours would.
    pub objects: BTreeMap<ObjectKey, Live>,
    /// Secrets that the spec names or the operator made, by name.
    pub secrets: BTreeMap<String, SecretFacts>,
    /// Optional kinds that the API server serves.
    pub optional_kinds: BTreeSet<Kind>,
    /// Whether the key of the hashes in `secrets` exists.
    pub hash_key_present: bool,
    /// What the pods of a workload or Job that is not well say, by its key.
    pub words: BTreeMap<ObjectKey, String>,
    /// What the pod of the models Job that succeeded said at its end, if it was read in this look.
    pub models_report: Option<String>,
    /// What the pods of Jobs that make, check or restore backups said at their end, by Job.
    pub backup_reports: BTreeMap<ObjectKey, String>,
    /// Tenants of the platform.
    pub tenants: TenantCount,
    /// The namespace of the operator's own pod; unknown where it runs outside of the cluster.
    pub operator_namespace: Option<String>,
}

/// An object as it stands at the API server.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    /// Its identity.
    pub uid: String,
    /// Its version, for preconditions.
    pub resource_version: String,
    /// Whether it is ours: by owner reference, or by labels for data that outlives the platform.
    pub owned: bool,
    /// What is known of its content.
    pub view: View,
    /// Values in which the object differed from what was applied right after it was applied, by
    /// path: what the API server, or a policy in it, makes of the apply. Null where it has none.
    pub accepted: BTreeMap<String, Value>,
    /// What others added to lists of the object, by path, as it was when the object was read.
    pub tolerated: Vec<String>,
    /// Whether the operator is the one that sets the number of replicas.
    pub owns_replicas: bool,
}

impl Live {
    /// An object as it was read.
    pub const fn new(uid: String, resource_version: String, owned: bool, view: View) -> Self {
        Self {
            uid,
            resource_version,
            owned,
            view,
            accepted: BTreeMap::new(),
            tolerated: Vec::new(),
            owns_replicas: false,
        }
    }

    /// Whether the object is being deleted.
    pub fn is_deleting(&self) -> bool {
        match &self.view {
            View::Body(body) | View::Settled { state: body, .. } => {
                body["metadata"]["deletionTimestamp"].is_string()
            }
            View::Unmoved { .. } => false,
        }
    }
}

/// What is known of a live object's content.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// Nobody wrote since we did; `applied` is the value of the hash annotation of that body.
    Unmoved {
        /// Hash of the body that was then applied.
        applied: String,
    },
    /// The same, of an object whose state matters; `state` is the part of it that rollouts,
    /// Jobs and volumes are judged by, as it was when the object was last read.
    Settled {
        /// Hash of the body that was then applied.
        applied: String,
        /// Generation, amounts, selector and status.
        state: Value,
    },
    /// Freshly read.
    Body(Value),
}

/// What may be known of a Secret on the pure side: never a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretFacts {
    /// Keyed hash of each value, hexadecimal, by key.
    pub keys: BTreeMap<String, String>,
}

impl Observed {
    /// The live object of that key.
    pub fn live(&self, key: &ObjectKey) -> Option<&Live> {
        self.objects.get(key)
    }

    /// The body of a live object, or the state of a settled one.
    pub fn body(&self, key: &ObjectKey) -> Option<&Value> {
        match &self.objects.get(key)?.view {
            View::Body(body) | View::Settled { state: body, .. } => Some(body),
            View::Unmoved { .. } => None,
        }
    }

    /// Whether a Secret has that key.
    pub fn has_secret(&self, name: &str, key: &str) -> bool {
        self.secrets
            .get(name)
            .is_some_and(|facts| facts.keys.contains_key(key))
    }
}
