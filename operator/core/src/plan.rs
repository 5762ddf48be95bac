//! What has to be done, in which order, and why: total and deterministic.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::component::Component;
use crate::object::ObjectKey;
use crate::observed::Observed;
use crate::reason::Reason;
use crate::resolve::Resolved;

use draft::Draft;

mod availability;
mod chroma;
mod compare;
mod draft;
mod environment;
mod foundation;
mod gate;
pub mod gateway;
mod job;
pub mod labels;
mod merge;
mod migration;
mod model_servers;
mod monitoring;
mod network;
mod ollama;
mod placement;
mod pod;
mod postgres;
mod prune;
mod redis;
mod service;
mod stateful_set;
mod volume;

pub use compare::UNREAD;
pub use foundation::provisioning_secret;

/// Annotation with the hash of an applied body.
pub const APPLIED_HASH: &str = "creatorplatform.io/applied-hash";
/// Annotation of a pod template with the hash of what the pods read.
pub const CONFIG_HASH: &str = "creatorplatform.io/config-hash";
/// Field manager of everything but status.
pub const FIELD_MANAGER: &str = "creator-operator";
/// Field manager of status.
pub const STATUS_FIELD_MANAGER: &str = "creator-operator-status";

/// All that has to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In order: see [`Plan::in_turn`].
    pub stages: Vec<Stage>,
    /// Deleted last, when every gate is open.
    pub prune: Vec<Pruned>,
}

/// The stages, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageName {
    /// Secrets, configuration, accounts, policies, volumes.
    Foundation,
    /// PostgreSQL, Redis, Chroma, Ollama.
    Stores,
    /// Roles, schema, grants.
    Migration,
    /// Models.
    Models,
    /// The four services.
    Services,
    /// The gateway and all that scales or watches.
    Gateway,
}

impl StageName {
    /// All stages, in order.
    pub const ALL: [Self; 6] = [
        Self::Foundation,
        Self::Stores,
        Self::Migration,
        Self::Models,
        Self::Services,
        Self::Gateway,
    ];

    /// Its name in messages and golden files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Foundation => "foundation",
            Self::Stores => "stores",
            Self::Migration => "migration",
            Self::Models => "models",
            Self::Services => "services",
            Self::Gateway => "gateway",
        }
    }
}

/// One stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Which.
    pub name: StageName,
    /// Its objects, those that others read first.
    pub items: Vec<Item>,
    /// Whether the next stage may start, as far as the present look shows; pending changes of
    /// what the gate depends on keep it waiting.
    pub gate: Gate,
}

/// One object of a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Which object.
    pub key: ObjectKey,
    /// What it shall be.
    pub desired: Desired,
    /// What has to be done for that.
    pub change: Change,
    /// Whose object it is.
    pub component: Component,
}

/// What an object shall be.
#[derive(Debug, Clone, PartialEq)]
pub enum Desired {
    /// Applied by server-side apply.
    Apply(Value),
    /// Created when missing, never changed.
    CreateOnce(Value),
    /// A Secret with values that are made at the edge, once.
    Secret {
        /// Metadata and whatever is not random.
        body: Value,
        /// Keys to make when missing; an existing value always wins.
        generate: Vec<(String, Generate)>,
    },
}

impl Desired {
    /// The body that is written (for a Secret: without the random values).
    pub const fn body(&self) -> &Value {
        match self {
            Self::Apply(body) | Self::CreateOnce(body) | Self::Secret { body, .. } => body,
        }
    }
}

/// How a random value is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generate {
    /// 32 letters and digits.
    Password,
    /// 32 random bytes, base64: a seed of Ed25519.
    Seed32,
    /// 32 random bytes, hexadecimal.
    Key32,
}

/// What has to be done with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It is missing.
    Create,
    /// These paths differ; `*` when only the hash is known to differ.
    Update(Vec<String>),
    /// Delete and create, since immutable fields differ: why.
    Replace(String),
    /// These keys of a Secret are missing.
    Secret(Vec<String>),
    /// An object of that name exists and is not ours: it is never written.
    Foreign,
}

/// Whether the next stage may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// It may.
    Open,
    /// Not yet; the watch brings the next look.
    Waiting(Vec<Wait>),
    /// It cannot, until a person acts.
    Failed(Vec<Wait>),
}

/// What a gate waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Whose.
    pub component: Component,
    /// Why.
    pub reason: Reason,
    /// What happened, what comes next, what a person can do.
    pub message: String,
}

/// An object that the plan lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// Which object.
    pub key: ObjectKey,
    /// Precondition.
    pub uid: String,
    /// Precondition.
    pub resource_version: String,
    /// Why it goes.
    pub reason: String,
}

impl Plan {
    /// All items, stage by stage.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.stages.iter().flat_map(|stage| &stage.items)
    }

    /// Each stage, and whether it may start. A stage waits for all before it; models alone are
    /// fetched while the schema is made, since neither needs the other.
    pub fn in_turn(&self) -> impl Iterator<Item = (&Stage, bool)> {
        let (mut open, mut started) = (true, true);
        self.stages.iter().map(move |stage| {
            started = open || (stage.name == StageName::Models && started);
            open &= stage.gate == Gate::Open;
            (stage, started)
        })
    }

    /// Whether nothing has to be written.
    pub fn is_empty(&self) -> bool {
        self.prune.is_empty() && self.items().all(|item| item.change == Change::None)
    }

    /// Whether every gate is open.
    pub fn is_complete(&self) -> bool {
        self.stages.iter().all(|stage| stage.gate == Gate::Open)
    }

    /// The first stage that does not let the next one start.
    pub fn blocked_at(&self) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.gate != Gate::Open)
    }
}

/// Plans a platform.
pub fn plan(resolved: &Resolved, observed: &Observed) -> Plan {
    let mut sketch = draft::all(resolved, observed);
    let drafts = std::mem::take(&mut sketch.drafts);
    let mut items: BTreeMap<StageName, Vec<Item>> = BTreeMap::new();
    for Draft {
        stage,
        component,
        key,
        desired,
    } in drafts
    {
        let change = compare::change(&key, &desired, observed);
        items.entry(stage).or_default().push(Item {
            key,
            desired,
            change,
            component,
        });
    }
    let stages: Vec<Stage> = StageName::ALL
        .into_iter()
        .map(|name| {
            let items = items.remove(&name).unwrap_or_default();
            let gate = gate::of(name, &items, &sketch);
            Stage { name, items, gate }
        })
        .collect();
    let prune = prune::of(&stages, observed);
    Plan { stages, prune }
}
