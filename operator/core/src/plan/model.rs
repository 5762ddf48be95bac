//! What a plan consists of.

use serde_json::Value;

use crate::api::Quantity;
use crate::component::Component;
use crate::object::{Kind, ObjectKey};
use crate::plan::needs;
use crate::reason::Reason;

/// All that has to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The parts, each after those that it needs.
    pub parts: Vec<Part>,
    /// Objects that the spec no longer includes.
    pub prune: Vec<Pruned>,
    /// The volumes that the spec asks for.
    pub volumes: Vec<Volume>,
}

/// A volume that the spec asks for. The claim may differ: a volume cannot shrink or change its
/// class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The name of the claim.
    pub name: String,
    /// Its size.
    pub size: Quantity,
    /// Its storage class, if the spec names one.
    pub class_name: Option<String>,
}

/// One part of the platform: it is applied, waited for and pruned on its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Which.
    pub component: Component,
    /// Its objects; workloads and Jobs come last.
    pub items: Vec<Item>,
    /// Why its workloads and Jobs must not be written yet, besides the parts that it needs.
    pub blocked: Vec<Wait>,
    /// Whether the parts that need it may start, as far as this observation shows.
    pub gate: Gate,
}

/// One object.
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
    /// What others added to lists of the object, by path; it is left there.
    pub tolerated: Vec<String>,
    /// A strategic merge patch that removes what others added; it comes before the apply.
    pub removal: Option<Value>,
    /// The number of replicas to keep while the field passes to an autoscaler.
    pub keep_replicas: Option<i64>,
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
    /// 32 random bytes, base64, that stored data is encrypted with: never made beside such data.
    DataKey32,
    /// 32 random bytes, hexadecimal.
    Key32,
}

/// What has to be done with an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Change {
    /// Nothing.
    #[default]
    None,
    /// It is missing.
    Create,
    /// These paths differ; `*` when only the hash is known to differ.
    Update(Vec<String>),
    /// Delete and create, since immutable fields differ: why.
    Replace(String),
    /// These keys of a Secret are missing.
    Secret(Vec<String>),
    /// These keys of a Secret are missing, and stored data cannot be decrypted without them: they
    /// are never made by the operator.
    Lost(Vec<String>),
    /// An object of that name exists and is not ours: it is never written.
    Foreign,
    /// It is being deleted and is made when it is gone.
    Deleting,
}

/// Whether the parts that need a part may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open,
    /// Not yet; the watch brings the next reconcile.
    Waiting(Vec<Wait>),
    /// They cannot, until a person acts.
    Failed(Vec<Wait>),
}

impl Gate {
    /// What it waits for; nothing if it is open.
    pub fn waits(&self) -> &[Wait] {
        match self {
            Self::Open => &[],
            Self::Waiting(waits) | Self::Failed(waits) => waits,
        }
    }
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
    /// The part that it belonged to.
    pub component: Component,
    /// Precondition.
    pub uid: String,
    /// Precondition.
    pub resource_version: String,
    /// Why it goes.
    pub reason: String,
    /// Whether it may go now; else what replaces it is not ready.
    pub due: bool,
}

/// One write, in the order in which writes are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step<'a> {
    /// Write an object.
    Write(&'a Item),
    /// Delete an object.
    Delete(&'a Pruned),
}

impl Plan {
    /// All items, part by part.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.parts.iter().flat_map(|part| &part.items)
    }

    /// The part of a component.
    pub fn part(&self, component: Component) -> Option<&Part> {
        self.parts.iter().find(|part| part.component == component)
    }

    /// Whether the workloads and Jobs of a part may be written: nothing blocks them, and all that
    /// the part needs is ready.
    pub fn may_start(&self, part: &Part) -> bool {
        self.is_unblocked(part) && self.unready_needs(part.component).next().is_none()
    }

    /// Whether nothing of a part itself, or of what all parts share, keeps its pods back.
    fn is_unblocked(&self, part: &Part) -> bool {
        let shared = self.part(Component::Platform);
        part.blocked.is_empty() && shared.is_none_or(|shared| shared.blocked.is_empty())
    }

    /// What a component needs and is not ready.
    pub fn unready_needs(&self, component: Component) -> impl Iterator<Item = Component> {
        let needs = needs::of(component).iter().copied();
        needs.filter(|need| {
            self.part(*need)
                .is_some_and(|needed| needed.gate != Gate::Open)
        })
    }

    /// What may be done now, in order. Secrets come first, so that an interrupted install never
    /// leaves data without its keys; then what needs nothing; then what is no longer wanted and
    /// would disturb the workloads; then workloads and Jobs; what they replace goes last.
    pub fn steps(&self) -> Vec<Step<'_>> {
        let secrets = self.items().filter(|item| item.key.kind.is_secret());
        let light = self.items().filter(|item| {
            let kind = item.key.kind;
            !kind.is_secret() && !kind.runs_pods() && kind != Kind::CronJob
        });
        // Their pods read Secrets, which must be there, and need nothing else at once.
        let unblocked = self.parts.iter().filter(|part| self.is_unblocked(part));
        let scheduled = unblocked
            .flat_map(|part| &part.items)
            .filter(|item| item.key.kind == Kind::CronJob);
        let due = |first: bool| {
            let pruned = self.prune.iter().filter(|pruned| pruned.due);
            pruned.filter(move |pruned| pruned.key.kind.is_supplement() == first)
        };
        let startable = self.parts.iter().filter(|part| self.may_start(part));
        let workloads = startable
            .flat_map(|part| &part.items)
            .filter(|item| item.key.kind.runs_pods());
        secrets
            .chain(light)
            .chain(scheduled)
            .map(Step::Write)
            .chain(due(true).map(Step::Delete))
            .chain(workloads.map(Step::Write))
            .chain(due(false).map(Step::Delete))
            .collect()
    }

    /// Whether nothing has to be written.
    pub fn is_empty(&self) -> bool {
        self.prune.is_empty() && self.items().all(|item| item.change == Change::None)
    }

    /// Whether every part is ready.
    pub fn is_complete(&self) -> bool {
        self.parts.iter().all(|part| part.gate == Gate::Open)
    }

    /// What the platform waits for: failures first, then in the order of the parts. A part that
    /// only waits for another one is left out, since that one is named.
    pub fn waits(&self) -> Vec<&Wait> {
        let of = |failed: bool| {
            let parts = self.parts.iter();
            let parts = parts.filter(move |part| matches!(part.gate, Gate::Failed(_)) == failed);
            parts.flat_map(|part| part.gate.waits())
        };
        let all = of(true).chain(of(false));
        all.filter(|wait| wait.reason != Reason::DependencyNotReady)
            .collect()
    }

    /// Whether a part cannot become ready until a person acts.
    pub fn has_failed(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part.gate, Gate::Failed(_)))
    }
}
