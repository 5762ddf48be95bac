//! Carries a plan out: one write after the other, each part as far as what it needs is ready.

use std::collections::{BTreeMap, BTreeSet};

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use operator_core::Observed;
use operator_core::component::Component;
use operator_core::hash;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::View;
use operator_core::plan::{APPLIED_HASH, Change, Desired, FIELD_MANAGER, Generate, differences};
use operator_core::plan::{Item, Plan, Pruned, REPLICAS_FIELD_MANAGER, Step};
use operator_core::status::{Applied, Failure};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::{code, describe};
use crate::fence::Permit;
use crate::memory;
use crate::observe::{Subject, state};
use crate::seen::Version;
use crate::{api, random};

/// Applies part by part. A write that is refused keeps back the workloads of its own part only; an
/// API server that does not answer ends the run, since every further write would fail alike.
///
/// Writes are not made in parallel: call n of a plan is call n in every run, which the tests that
/// break each of them count on.
pub async fn apply(
    context: &Context,
    permit: &Permit<'_>,
    subject: &Subject,
    plan: &Plan,
    observed: &Observed,
) -> Applied {
    let mut hand = Hand {
        context,
        _permit: permit,
        subject,
        observed,
        applied: Applied::default(),
    };
    let mut held: BTreeSet<Component> = BTreeSet::new();
    for step in plan.steps() {
        let (key, component, result) = match step {
            Step::Write(item) if item.key.kind.runs_pods() && is_held(&held, item) => continue,
            Step::Write(item) => (&item.key, item.component, hand.carry_out(item).await),
            // What it was replaced by may not have been written.
            Step::Delete(pruned) if !held.is_empty() && !pruned.key.kind.is_supplement() => {
                continue;
            }
            Step::Delete(pruned) => (&pruned.key, pruned.component, hand.prune(pruned).await),
        };
        let Err(error) = result else { continue };
        let is_unavailable = is_unavailable(&error);
        hand.fail(key, &error);
        if is_unavailable {
            break;
        }
        if keeps_back(key.kind) {
            held.insert(component);
        }
    }
    hand.applied
}

/// Whether a workload must wait, since something that its part needs was refused.
fn is_held(held: &BTreeSet<Component>, item: &Item) -> bool {
    held.contains(&item.component) || held.contains(&Component::Platform)
}

/// Whether the workloads of a part must wait for an object that was refused. A volume that cannot
/// grow serves as it is.
const fn keeps_back(kind: Kind) -> bool {
    !kind.is_supplement() && !matches!(kind, Kind::PersistentVolumeClaim)
}

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{}", describe(.0))]
    Api(#[from] kube::Error),
    #[error("the operating system provides no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}")]
    Body(#[from] serde_json::Error),
}

struct Hand<'a> {
    context: &'a Context,
    /// Every writer needs one; the client checks each request once more.
    _permit: &'a Permit<'a>,
    subject: &'a Subject,
    observed: &'a Observed,
    applied: Applied,
}

impl Hand<'_> {
    async fn carry_out(&mut self, item: &Item) -> Result<(), Refused> {
        let key = &item.key;
        let written = match &item.change {
            Change::Foreign | Change::Deleting | Change::Lost(_) => return Ok(()),
            Change::None => {
                self.remember_as_read(item);
                return Ok(());
            }
            Change::Create => match &item.desired {
                Desired::CreateOnce(body) => Written::of(self.create(key, body.clone()).await?),
                desired => self.server_side_apply(item, desired.body()).await?,
            },
            Change::Update(_) => match &item.desired {
                Desired::Secret { body, .. } => {
                    self.server_side_apply(item, &without_values(body)).await?
                }
                desired => self.server_side_apply(item, desired.body()).await?,
            },
            Change::Replace(_) => {
                self.delete_observed(key).await?;
                self.server_side_apply(item, item.desired.body()).await?
            }
            Change::Secret(missing) => Written::of(self.fill_secret(item, missing).await?),
        };
        self.applied.written.push(key.clone());
        match &item.change {
            Change::Secret(_) => self.remember(key, written, &without_owners(item.desired.body())),
            _ => self.remember(key, written, item.desired.body()),
        }
        Ok(())
    }

    /// Applies a body. What the API server makes of it counts as applied: policies in it may
    /// change values and add elements, and it writes some values in another way.
    async fn server_side_apply(&self, item: &Item, body: &Value) -> Result<Written, Refused> {
        let key = &item.key;
        if let Some(removal) = &item.removal {
            let params = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch = Patch::Strategic(removal);
            self.api(key)
                .patch_metadata(&key.name, &params, &patch)
                .await?;
        }
        if let Some(replicas) = item.keep_replicas {
            self.keep_replicas(key, replicas).await?;
        }
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let patch = Patch::Apply(body);
        if key.kind.is_secret() {
            // The values of a Secret have no business here.
            let written = self
                .api(key)
                .patch_metadata(&key.name, &params, &patch)
                .await?;
            return Ok(Written::of(Version::of(&written)));
        }
        let answer = self.api(key).patch(&key.name, &params, &patch).await?;
        let version = Version::of(&answer);
        let answer = serde_json::to_value(&answer)?;
        let found = differences(key.kind, "", body, &answer, &BTreeMap::new());
        let mut accepted = found.values;
        if item.removal.is_none() {
            accepted.retain(|path, _| !found.additions.contains(path));
        }
        Ok(Written {
            version,
            // A controller may have changed it since: the next reconcile reads it.
            state: None,
            accepted,
            tolerated: found.additions,
        })
    }

    /// Sets the replicas that a Deployment has, as another field manager: when the operator then
    /// leaves the field out, it does not fall back to one replica, and an autoscaler may change it.
    async fn keep_replicas(&self, key: &ObjectKey, replicas: i64) -> Result<(), Refused> {
        let body = json!({
            "apiVersion": key.kind.api_version(),
            "kind": key.kind.kind(),
            "metadata": {"name": key.name},
            "spec": {"replicas": replicas},
        });
        let params = PatchParams::apply(REPLICAS_FIELD_MANAGER).force();
        let patch = Patch::Apply(&body);
        self.api(key)
            .patch_metadata(&key.name, &params, &patch)
            .await?;
        Ok(())
    }

    async fn create(&self, key: &ObjectKey, body: Value) -> Result<Option<Version>, Refused> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let object: DynamicObject = serde_json::from_value(body)?;
        let written = self.api(key).create(&params, &object).await?;
        Ok(Version::of(&written))
    }

    /// Creates a Secret with its values, or adds the keys that it lacks: a value that is there
    /// always wins, and the resourceVersion makes sure that it still was not there.
    async fn fill_secret(
        &self,
        item: &Item,
        missing: &[String],
    ) -> Result<Option<Version>, Refused> {
        let Desired::Secret { body, generate } = &item.desired else {
            return Ok(None);
        };
        let values = values(generate, missing)?;
        let Some(live) = self.observed.live(&item.key) else {
            let mut body = without_owners(body);
            body["stringData"] = Value::Object(values);
            return self.create(&item.key, body).await;
        };
        let addition = json!({
            "metadata": {"uid": live.uid, "resourceVersion": live.resource_version},
            "stringData": values,
        });
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let api = self.api(&item.key);
        let written = api
            .patch_metadata(&item.key.name, &params, &Patch::Merge(&addition))
            .await?;
        Ok(Version::of(&written))
    }

    async fn prune(&mut self, pruned: &Pruned) -> Result<(), Refused> {
        self.delete(&pruned.key, &pruned.uid, &pruned.resource_version)
            .await?;
        self.applied.written.push(pruned.key.clone());
        Ok(())
    }

    async fn delete_observed(&self, key: &ObjectKey) -> Result<(), Refused> {
        match self.observed.live(key) {
            Some(live) => self.delete(key, &live.uid, &live.resource_version).await,
            None => Ok(()),
        }
    }

    /// Deletes exactly what was looked at. In the background, since a Job would else leave its
    /// pods behind.
    async fn delete(&self, key: &ObjectKey, uid: &str, version: &str) -> Result<(), Refused> {
        let preconditions = Preconditions {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
        };
        let params = DeleteParams::background().preconditions(preconditions);
        let result = self.api(key).delete(&key.name, &params).await;
        match result {
            Err(error) if code(&error) != Some(404) => Err(error.into()),
            _ => {
                self.context.memories.change(&self.subject.uid, |memory| {
                    memory.applied.remove(key);
                });
                Ok(())
            }
        }
    }

    fn api(&self, key: &ObjectKey) -> kube::Api<DynamicObject> {
        api::objects(&self.context.client, &self.subject.name.namespace, key.kind)
    }

    /// What was read and is as planned need not be read again until it moves.
    fn remember_as_read(&self, item: &Item) {
        let Some(live) = self.observed.live(&item.key) else {
            return;
        };
        let View::Body(body) = &live.view else { return };
        let version = Version {
            uid: live.uid.as_str().into(),
            resource_version: live.resource_version.as_str().into(),
        };
        let written = Written {
            version: Some(version),
            state: state::of(item.key.kind, body),
            accepted: live.accepted.clone(),
            tolerated: item.tolerated.clone(),
        };
        self.remember(&item.key, written, item.desired.body());
    }

    fn remember(&self, key: &ObjectKey, written: Written, body: &Value) {
        let Some(version) = written.version else {
            return;
        };
        let hash = if key.kind.is_secret() {
            hash::of_value(body)
        } else {
            let hash = body["metadata"]["annotations"][APPLIED_HASH].as_str();
            hash.unwrap_or_default().to_owned()
        };
        let applied = memory::Applied {
            version,
            hash,
            state: written.state,
            accepted: written.accepted,
            tolerated: written.tolerated,
        };
        self.context.memories.change(&self.subject.uid, |memory| {
            memory.applied.insert(key.clone(), applied);
        });
    }

    fn fail(&mut self, key: &ObjectKey, error: &Refused) {
        self.applied.failures.push(Failure {
            key: key.clone(),
            text: error.to_string(),
            transient: is_transient(error),
        });
    }
}

/// What a write left.
#[derive(Default)]
struct Written {
    version: Option<Version>,
    state: Option<Value>,
    accepted: BTreeMap<String, Value>,
    tolerated: Vec<String>,
}

impl Written {
    fn of(version: Option<Version>) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }
}

/// A Secret as it is created. Its owner is added by an apply of its own: what was set by another
/// kind of write, an apply cannot take away again.
fn without_owners(secret: &Value) -> Value {
    let mut body = secret.clone();
    if let Some(metadata) = body["metadata"].as_object_mut() {
        metadata.remove("ownerReferences");
    }
    body
}

/// The metadata of a Secret: applying it leaves the values alone.
fn without_values(secret: &Value) -> Value {
    let field = |name: &str| secret[name].clone();
    json!({
        "apiVersion": field("apiVersion"),
        "kind": field("kind"),
        "metadata": field("metadata"),
    })
}

fn values(
    generate: &[(String, Generate)],
    missing: &[String],
) -> Result<Map<String, Value>, getrandom::Error> {
    let wanted = generate.iter().filter(|(key, _)| missing.contains(key));
    wanted
        .map(|(key, what)| Ok((key.clone(), Value::String(random::secret(*what)?))))
        .collect()
}

/// Whether further writes would fail alike: no answer, too many requests, or a server error.
fn is_unavailable(error: &Refused) -> bool {
    match error {
        Refused::Api(error) => code(error).is_none_or(|code| matches!(code, 429 | 500..)),
        Refused::Random(_) => true,
        Refused::Body(_) => false,
    }
}

/// Whether the same write may well succeed later, with nobody doing anything.
fn is_transient(error: &Refused) -> bool {
    match error {
        Refused::Api(error) => code(error).is_none_or(|code| matches!(code, 409 | 429 | 500..)),
        Refused::Random(_) => true,
        Refused::Body(_) => false,
    }
}
