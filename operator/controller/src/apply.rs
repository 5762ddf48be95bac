//! Carries a plan out: in order, one write after the other, as far as the gates are open.

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use operator_core::Observed;
use operator_core::object::ObjectKey;
use operator_core::observed::View;
use operator_core::plan::{APPLIED_HASH, Change, Desired, FIELD_MANAGER, Generate};
use operator_core::plan::{Item, Plan, Pruned};
use operator_core::status::{Applied, Failure};
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::{code, describe};
use crate::memory;
use crate::observe::{Subject, state};
use crate::seen::Version;
use crate::{api, random};

/// Applies stage by stage and prunes last; what was done is said even when something failed.
///
/// Writes are not made in parallel: call n of a plan is call n in every run, which the tests that
/// break each of them count on.
pub async fn apply(
    context: &Context,
    subject: &Subject,
    plan: &Plan,
    observed: &Observed,
) -> Applied {
    let mut hand = Hand {
        context,
        subject,
        observed,
        applied: Applied::default(),
    };
    let started = plan.in_turn().filter(|(_, started)| *started);
    for item in started.flat_map(|(stage, _)| &stage.items) {
        if let Err(error) = hand.carry_out(item).await {
            return hand.failed(&item.key, &error);
        }
    }
    if !plan.is_complete() {
        return hand.applied;
    }
    for pruned in &plan.prune {
        if let Err(error) = hand.prune(pruned).await {
            return hand.failed(&pruned.key, &error);
        }
    }
    hand.applied
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
    subject: &'a Subject,
    observed: &'a Observed,
    applied: Applied,
}

impl Hand<'_> {
    async fn carry_out(&mut self, item: &Item) -> Result<(), Refused> {
        let key = &item.key;
        let version = match &item.change {
            Change::Foreign => return Ok(()),
            Change::None => {
                self.remember_as_read(item);
                return Ok(());
            }
            Change::Create => match &item.desired {
                Desired::CreateOnce(body) => self.create(key, body.clone()).await?,
                desired => self.server_side_apply(key, desired.body()).await?,
            },
            Change::Update(_) => match &item.desired {
                Desired::Secret { body, .. } => {
                    self.server_side_apply(key, &without_values(body)).await?
                }
                desired => self.server_side_apply(key, desired.body()).await?,
            },
            Change::Replace(_) => {
                self.delete_observed(key).await?;
                self.server_side_apply(key, item.desired.body()).await?
            }
            Change::Secret(missing) => self.fill_secret(item, missing).await?,
        };
        self.applied.written.push(key.clone());
        self.remember(key, version, item.desired.body(), None);
        Ok(())
    }

    async fn server_side_apply(
        &self,
        key: &ObjectKey,
        body: &Value,
    ) -> Result<Option<Version>, Refused> {
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let written = self
            .api(key)
            .patch_metadata(&key.name, &params, &Patch::Apply(body))
            .await?;
        Ok(Version::of(&written))
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
            let mut body = body.clone();
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
        let state = state::of(item.key.kind, body);
        self.remember(&item.key, Some(version), item.desired.body(), state);
    }

    fn remember(
        &self,
        key: &ObjectKey,
        version: Option<Version>,
        body: &Value,
        state: Option<Value>,
    ) {
        let Some(version) = version else { return };
        let hash = body["metadata"]["annotations"][APPLIED_HASH]
            .as_str()
            .unwrap_or_default();
        let applied = memory::Applied {
            version,
            hash: hash.to_owned(),
            state,
        };
        self.context.memories.change(&self.subject.uid, |memory| {
            memory.applied.insert(key.clone(), applied);
        });
    }

    fn failed(mut self, key: &ObjectKey, error: &Refused) -> Applied {
        self.applied.failure = Some(Failure {
            key: key.clone(),
            text: error.to_string(),
            transient: is_transient(error),
        });
        self.applied
    }
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

/// Whether the same write may well succeed later, with nobody doing anything.
fn is_transient(error: &Refused) -> bool {
    match error {
        Refused::Api(error) => code(error).is_none_or(|code| matches!(code, 409 | 429 | 500..)),
        Refused::Random(_) => true,
        Refused::Body(_) => false,
    }
}
