//! A model of cluster and edge: what the plan sees after it was carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use operator_core::api::CreatorPlatform;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::{Live, SecretFacts, View};
use operator_core::plan::{APPLIED_HASH, Change, Desired, Item, Step, differences};
use operator_core::{Observed, Plan, Resolved, hash, plan};
use serde_json::{Value, json};

use crate::fixtures::resolved;
use crate::server_model;

/// What a policy of the cluster does to an object that is written.
pub(crate) type Admission = fn(&ObjectKey, &mut Value);

/// A cluster in which every controller does its work at once.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) observed: Observed,
    /// Bodies as they were applied, also of objects that the plan sees as unmoved only.
    pub(crate) bodies: BTreeMap<ObjectKey, Value>,
    pub(crate) writes: usize,
    /// Policies that change what is written.
    pub(crate) admission: Vec<Admission>,
    /// Workloads and Jobs that do not become ready, or fail, from now on.
    pub(crate) broken: BTreeSet<ObjectKey>,
    /// Workloads and Jobs whose controllers do nothing yet, and for how many steps.
    pub(crate) slow: BTreeMap<ObjectKey, usize>,
    /// The fewest replicas that a Deployment ever had since this was cleared.
    pub(crate) fewest: BTreeMap<ObjectKey, i64>,
    version: u64,
}

impl World {
    /// A cluster where the APIs of other products are installed and foreign Secrets exist.
    pub(crate) fn rich() -> Self {
        let mut world = Self::default();
        world.observed.optional_kinds = Kind::ALL
            .iter()
            .copied()
            .filter(|kind| kind.optional())
            .collect::<BTreeSet<_>>();
        world.observed.operator_namespace = Some("creator-system".to_owned());
        for (secret, keys) in [
            ("database-admin", vec!["username", "password"]),
            ("database-ca", vec!["ca.crt"]),
            ("cache", vec!["password"]),
            ("cache-ca", vec!["ca.crt"]),
            ("academy-smtp", vec!["SMTP_HOST", "SMTP_FROM"]),
            ("model-servers", vec!["hosted", "ca.crt"]),
            ("backup-keys", vec!["identity"]),
            (
                "backup-storage",
                vec!["accessKeyId", "secretAccessKey", "ca.crt"],
            ),
        ] {
            let keys = keys
                .into_iter()
                .map(|key| (key.to_owned(), format!("hash-of-{key}")));
            let facts = SecretFacts {
                keys: keys.collect(),
            };
            world.observed.secrets.insert(secret.to_owned(), facts);
        }
        world
    }

    /// What would be done now.
    pub(crate) fn plan(&self, platform: &CreatorPlatform) -> Plan {
        plan(&resolved(platform), &self.observed)
    }

    /// Carries out one plan as the edge does, then lets the controllers work.
    pub(crate) fn step(&mut self, platform: &CreatorPlatform) -> Plan {
        self.carry_out(&resolved(platform))
    }

    pub(crate) fn carry_out(&mut self, resolved: &Resolved) -> Plan {
        let planned = plan(resolved, &self.observed);
        for step in planned.steps() {
            match step {
                Step::Write(item) => self.write(item),
                Step::Delete(pruned) => {
                    self.observed.objects.remove(&pruned.key);
                    self.bodies.remove(&pruned.key);
                    self.writes += 1;
                }
            }
        }
        self.settle();
        planned
    }

    /// Steps until nothing is left to do.
    pub(crate) fn converge(&mut self, platform: &CreatorPlatform) -> usize {
        let resolved = resolved(platform);
        for round in 0..20 {
            let planned = self.carry_out(&resolved);
            if planned.is_empty() && planned.is_complete() {
                return round;
            }
        }
        let plan = self.plan(platform);
        let changes: Vec<String> = plan
            .items()
            .filter(|item| item.change != Change::None)
            .map(|item| format!("{}: {:?}", item.key, item.change))
            .collect();
        panic!("no rest after 20 steps: {:#?} {changes:#?}", plan.waits());
    }

    fn write(&mut self, item: &Item) {
        match (&item.desired, &item.change) {
            (_, Change::None | Change::Deleting | Change::Lost(_)) => return,
            (_, Change::Foreign) => panic!("{} is foreign", item.key),
            (Desired::Secret { .. }, Change::Secret(missing)) => {
                let facts = self
                    .observed
                    .secrets
                    .entry(item.key.name.clone())
                    .or_default();
                for key in missing {
                    facts.keys.insert(key.clone(), format!("hash-of-{key}"));
                }
                self.observed.hash_key_present |= missing.iter().any(|key| key == "hash-key");
                // The edge adds an owner by an apply of its own.
                let mut body = item.desired.body().clone();
                let metadata = body["metadata"].as_object_mut().expect("metadata");
                metadata.remove("ownerReferences");
                self.put(&item.key, body);
            }
            (_, Change::Replace(_)) => {
                self.observed.objects.remove(&item.key);
                self.bodies.remove(&item.key);
                self.put(&item.key, item.desired.body().clone());
            }
            _ => self.apply(item),
        }
        self.writes += 1;
    }

    /// Writes an object by server-side apply, beside what others wrote.
    fn apply(&mut self, item: &Item) {
        let (key, desired) = (&item.key, item.desired.body());
        let live = self.observed.objects.get(key).map(|live| &live.view);
        let Some(View::Body(live)) = live else {
            self.put(key, desired.clone());
            return;
        };
        let mut live = live.clone();
        let owned_replicas = self.observed.objects[key].owns_replicas;
        if let Some(removal) = &item.removal {
            server_model::remove(&mut live, removal, "", key.kind);
        }
        let before = self.bodies.get(key).cloned().unwrap_or_default();
        let replicas = live["spec"]["replicas"].clone();
        let mut merged = server_model::apply(&live, &before, desired, key.kind);
        if desired["spec"].get("replicas").is_none() && replicas.is_i64() {
            // A field that only the operator set falls back to its default when it is left out.
            let kept = item.keep_replicas.map(Value::from);
            let kept = kept.unwrap_or_else(|| if owned_replicas { json!(1) } else { replicas });
            merged["spec"]["replicas"] = kept;
        }
        self.admit(key, merged, desired.clone(), item.removal.is_some());
    }

    /// Writes an object that nobody else wrote to.
    pub(crate) fn put(&mut self, key: &ObjectKey, body: Value) {
        self.admit(key, body.clone(), body, false);
    }

    fn admit(&mut self, key: &ObjectKey, mut object: Value, applied: Value, removed: bool) {
        for policy in &self.admission {
            policy(key, &mut object);
        }
        let found = differences(key.kind, "", &applied, &object, &BTreeMap::new());
        let mut accepted = found.values;
        accepted.retain(|path, _| removed || !found.additions.contains(path));
        self.version += 1;
        let view = if key.kind.needs_body() {
            object["metadata"]["generation"] = json!(self.version);
            View::Body(object)
        } else if key.kind.is_secret() {
            View::Unmoved {
                applied: hash::of_value(&applied),
            }
        } else {
            let applied = applied["metadata"]["annotations"][APPLIED_HASH].as_str();
            View::Unmoved {
                applied: applied.unwrap_or_default().to_owned(),
            }
        };
        let uid = format!("uid-{}-{}", key.kind.plural(), key.name);
        let live = Live {
            accepted,
            owns_replicas: applied["spec"].get("replicas").is_some(),
            ..Live::new(uid, self.version.to_string(), true, view)
        };
        self.bodies.insert(key.clone(), applied);
        self.observed.objects.insert(key.clone(), live);
        self.note_replicas(key);
    }

    fn note_replicas(&mut self, key: &ObjectKey) {
        let body = self.observed.body(key);
        let replicas = body.and_then(|body| body["spec"]["replicas"].as_i64());
        if let (Kind::Deployment, Some(replicas)) = (key.kind, replicas) {
            let fewest = self.fewest.entry(key.clone()).or_insert(replicas);
            *fewest = replicas.min(*fewest);
        }
    }

    /// Every controller does its work: autoscalers scale, workloads roll out, Jobs end.
    fn settle(&mut self) {
        self.autoscale();
        for (key, live) in &mut self.observed.objects {
            let View::Body(body) = &mut live.view else {
                continue;
            };
            if let Some(steps) = self.slow.get_mut(key).filter(|steps| **steps > 0) {
                *steps -= 1;
                continue;
            }
            if let Some(status) = settled(key, body, self.broken.contains(key)) {
                body["status"] = status;
            }
        }
    }

    fn autoscale(&mut self) {
        let scalers = self.bodies.iter();
        let scalers = scalers.filter(|(key, _)| key.kind == Kind::HorizontalPodAutoscaler);
        let scalers: Vec<(ObjectKey, i64, i64)> = scalers
            .map(|(key, body)| {
                let bound = |field: &str| body["spec"][field].as_i64().unwrap_or(1);
                let target = ObjectKey::new(Kind::Deployment, key.name.clone());
                (target, bound("minReplicas"), bound("maxReplicas"))
            })
            .collect();
        for (target, min, max) in scalers {
            let Some(live) = self.observed.objects.get_mut(&target) else {
                continue;
            };
            let View::Body(body) = &mut live.view else {
                continue;
            };
            let replicas = body["spec"]["replicas"].as_i64().unwrap_or(1);
            let scaled = replicas.clamp(min, max);
            if scaled != replicas {
                body["spec"]["replicas"] = json!(scaled);
                live.owns_replicas = false;
            }
        }
    }

    /// The n-th autoscaler asks for another number of replicas, within its bounds.
    pub(crate) fn scale(&mut self, index: usize, replicas: i64) {
        let mut scalers = self.bodies.iter();
        let scaler = scalers
            .by_ref()
            .filter(|(key, _)| key.kind == Kind::HorizontalPodAutoscaler)
            .nth(index);
        let Some((key, scaler)) = scaler else {
            return;
        };
        let bound = |field: &str| scaler["spec"][field].as_i64().unwrap_or(1);
        let replicas = replicas.clamp(bound("minReplicas"), bound("maxReplicas"));
        let target = ObjectKey::new(Kind::Deployment, key.name.clone());
        if let Some(live) = self.observed.objects.get_mut(&target)
            && let View::Body(body) = &mut live.view
        {
            body["spec"]["replicas"] = json!(replicas);
            live.owns_replicas = false;
        }
    }

    /// Replaces the status of an object that was read whole.
    pub(crate) fn set_status(&mut self, key: &ObjectKey, status: Value) {
        let live = self
            .observed
            .objects
            .get_mut(key)
            .expect("the object exists");
        let View::Body(body) = &mut live.view else {
            panic!("{key} was not read whole")
        };
        body["status"] = status;
    }
}

/// The status that the controller of an object writes.
fn settled(key: &ObjectKey, body: &Value, is_broken: bool) -> Option<Value> {
    let generation = body["metadata"]["generation"].clone();
    let replicas = body["spec"]["replicas"].as_i64().unwrap_or(1);
    let ready = if is_broken { 0 } else { replicas };
    let condition = |kind: &str| json!([{"type": kind, "status": "True"}]);
    match key.kind {
        Kind::Deployment | Kind::StatefulSet => Some(json!({
            "observedGeneration": generation, "replicas": replicas,
            "updatedReplicas": replicas, "readyReplicas": ready,
            "availableReplicas": ready,
        })),
        Kind::Job if body["status"]["conditions"].is_array() => None,
        Kind::Job => {
            let end = if is_broken { "Failed" } else { "Complete" };
            Some(json!({"conditions": condition(end)}))
        }
        Kind::CnpgCluster => Some(json!({
            "readyInstances": body["spec"]["instances"],
            "conditions": condition("Ready"),
        })),
        _ => None,
    }
}

/// A platform that has come to rest. Many tests start from the same few: each is made once.
pub(crate) fn at_rest(platform: &CreatorPlatform) -> World {
    static KNOWN: Mutex<BTreeMap<String, World>> = Mutex::new(BTreeMap::new());
    let name = serde_json::to_string(platform).expect("JSON");
    if let Some(world) = KNOWN.lock().expect("no panic").get(&name) {
        return world.clone();
    }
    let mut world = World::rich();
    world.converge(platform);
    KNOWN.lock().expect("no panic").insert(name, world.clone());
    world
}
