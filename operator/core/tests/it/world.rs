//! A model of cluster and edge: what the plan sees after it was carried out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use operator_core::api::CreatorPlatform;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::{Live, SecretFacts, View};
use operator_core::plan::{APPLIED_HASH, Change, Desired, Item};
use operator_core::{Observed, Plan, Resolved, plan};
use serde_json::{Value, json};

use crate::fixtures::resolved;

/// A cluster in which every controller does its work at once.
#[derive(Clone, Default)]
pub(crate) struct World {
    pub(crate) observed: Observed,
    /// Bodies as they were applied, also of objects that the plan sees as unmoved only.
    pub(crate) bodies: BTreeMap<ObjectKey, Value>,
    pub(crate) writes: usize,
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
        for (secret, keys) in [
            ("database-admin", vec!["username", "password"]),
            ("database-ca", vec!["ca.crt"]),
            ("cache", vec!["password"]),
            ("cache-ca", vec!["ca.crt"]),
            ("academy-smtp", vec!["SMTP_HOST", "SMTP_FROM"]),
            ("model-servers", vec!["hosted", "ca.crt"]),
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

    fn carry_out(&mut self, resolved: &Resolved) -> Plan {
        let planned = plan(resolved, &self.observed);
        let started = planned.in_turn().filter(|(_, started)| *started);
        for item in started.flat_map(|(stage, _)| &stage.items) {
            self.write(item);
        }
        if planned.is_complete() {
            for pruned in &planned.prune {
                self.observed.objects.remove(&pruned.key);
                self.bodies.remove(&pruned.key);
                self.writes += 1;
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
        panic!(
            "no rest after 20 looks: {:#?}",
            self.plan(platform).blocked_at()
        );
    }

    fn write(&mut self, item: &Item) {
        match (&item.desired, &item.change) {
            (_, Change::None) => return,
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
            }
            (desired, _) => self.put(&item.key, desired.body().clone()),
        }
        self.writes += 1;
    }

    /// Writes an object the way server-side apply does when nobody else owns a field.
    pub(crate) fn put(&mut self, key: &ObjectKey, body: Value) {
        self.version += 1;
        let generation = self.version;
        self.bodies.insert(key.clone(), body.clone());
        let view = if key.kind.needs_body() {
            let mut body = body;
            body["metadata"]["generation"] = json!(generation);
            View::Body(body)
        } else {
            let applied = body["metadata"]["annotations"][APPLIED_HASH].as_str();
            View::Unmoved {
                applied: applied.unwrap_or_default().to_owned(),
            }
        };
        let live = Live {
            uid: format!("uid-{}-{}", key.kind.plural(), key.name),
            resource_version: self.version.to_string(),
            owned: true,
            view,
        };
        self.observed.objects.insert(key.clone(), live);
    }

    /// Every controller does its work.
    fn settle(&mut self) {
        for (key, live) in &mut self.observed.objects {
            let View::Body(body) = &mut live.view else {
                continue;
            };
            let generation = body["metadata"]["generation"].clone();
            let replicas = body["spec"]["replicas"].as_i64().unwrap_or(1);
            match key.kind {
                Kind::Deployment | Kind::StatefulSet => {
                    body["status"] = json!({
                        "observedGeneration": generation, "replicas": replicas,
                        "updatedReplicas": replicas, "readyReplicas": replicas,
                        "availableReplicas": replicas,
                    });
                }
                Kind::Job => {
                    body["status"] =
                        json!({"conditions": [{"type": "Complete", "status": "True"}]});
                }
                Kind::CnpgCluster => {
                    body["status"] = json!({
                        "readyInstances": body["spec"]["instances"],
                        "conditions": [{"type": "Ready", "status": "True"}],
                    });
                }
                _ => {}
            }
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
