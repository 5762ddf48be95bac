//! All reads of one look, into one value. Of our own objects only those that moved are read.

use kube::api::DynamicObject;
use kube::{Client, ResourceExt};
use operator_core::Observed;
use operator_core::api::CreatorPlatform;
use operator_core::api::status::TenantCount;
use operator_core::object::{Kind, ObjectKey};
use operator_core::observed::{Live, View};
use operator_core::plan::{Change, FIELD_MANAGER, Item, Plan, UNREAD, labels};

use crate::api;
use crate::context::Context;
use crate::error::Error;
use crate::memory::{Applied, Memory};
use crate::seen::{PlatformName, Version};

mod pods;
mod secrets;
pub(crate) mod state;

/// A platform as the edge needs it: what an object that was never stored lacks is checked once.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Where it lives, and its name.
    pub name: PlatformName,
    /// Its identity.
    pub uid: String,
    /// Of its spec.
    pub generation: i64,
}

impl Subject {
    /// What identifies a stored platform.
    pub fn of<K: ResourceExt>(platform: &K) -> Result<Self, Error> {
        let namespace = platform.namespace().ok_or(Error::NotStored)?;
        Ok(Self {
            name: PlatformName {
                namespace,
                name: platform.name_any(),
            },
            uid: platform.uid().ok_or(Error::NotStored)?,
            generation: platform.meta().generation.unwrap_or_default(),
        })
    }
}

/// Reads what a decision about the platform needs.
pub async fn observe(context: &Context, platform: &CreatorPlatform) -> Result<Observed, Error> {
    let subject = Subject::of(platform)?;
    let memory = context.memories.of(&subject.uid);
    let seen = context.seen.objects(&subject.name);
    let looker = Looker {
        client: &context.client,
        subject: &subject,
        memory: &memory,
    };
    let mut observed = Observed {
        optional_kinds: context.optional_kinds(),
        tenants: tenants(context, platform, &subject),
        operator_namespace: context.namespace.clone(),
        ..Observed::default()
    };
    for (key, version) in &seen {
        if let Some(live) = looker.look(key, version).await? {
            observed.objects.insert(key.clone(), live);
        }
    }
    // A watch may lag behind our own writes: what we remember and it has not seen is read, too.
    for key in memory.applied.keys().filter(|key| !seen.contains_key(key)) {
        if let Some(live) = looker.read(key).await? {
            observed.objects.insert(key.clone(), live);
        } else {
            context
                .memories
                .change(&subject.uid, |memory| drop(memory.applied.remove(key)));
        }
    }
    secrets::hash(context, &subject, platform, &memory, &mut observed).await?;
    pods::listen(&context.client, &subject, &mut observed).await?;
    pods::read_report(context, &subject, &memory, &mut observed).await?;
    pods::read_backup_reports(context, &subject, &memory, &mut observed).await?;
    Ok(observed)
}

/// The number of Tenants; what was told last until all are known.
fn tenants(context: &Context, platform: &CreatorPlatform, subject: &Subject) -> TenantCount {
    let told = || platform.status.as_ref()?.tenants;
    let counted = context.directory.count(&subject.name).or_else(told);
    counted.unwrap_or_default()
}

/// Reads what a plan means to write and has not seen whole: what it would create, since the
/// watches show only what carries our labels, and what it would change without knowing where.
/// Answers whether anything was there, so that the plan must be made again.
pub async fn read_before_write(
    context: &Context,
    platform: &CreatorPlatform,
    plan: &Plan,
    observed: &mut Observed,
) -> Result<bool, Error> {
    let subject = Subject::of(platform)?;
    let memory = context.memories.of(&subject.uid);
    let looker = Looker {
        client: &context.client,
        subject: &subject,
        memory: &memory,
    };
    let mut found = false;
    let unread = |item: &&Item| match &item.change {
        Change::Create => true,
        Change::Secret(_) | Change::Lost(_) => observed.live(&item.key).is_none(),
        Change::Update(paths) => paths.iter().any(|path| path == UNREAD),
        Change::None | Change::Replace(_) | Change::Foreign | Change::Deleting => false,
    };
    let keys: Vec<_> = plan
        .items()
        .filter(unread)
        .map(|item| item.key.clone())
        .collect();
    for key in keys {
        if let Some(live) = looker.read(&key).await? {
            observed.objects.insert(key, live);
            found = true;
        }
    }
    if found {
        // A Secret among them has values that must not be made a second time.
        secrets::hash(context, &subject, platform, &memory, observed).await?;
    }
    Ok(found)
}

/// What is remembered of an object that has not moved, if that is enough.
fn view(kind: Kind, known: &Applied) -> Option<View> {
    let applied = known.hash.clone();
    match &known.state {
        Some(state) => Some(View::Settled {
            applied,
            state: state.clone(),
        }),
        None if kind.needs_body() => None,
        None => Some(View::Unmoved { applied }),
    }
}

/// Whether the number of replicas was last set by an apply of this operator.
fn owns_replicas(object: &DynamicObject) -> bool {
    object.managed_fields().iter().any(|entry| {
        let fields = entry.fields_v1.as_ref();
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && fields.is_some_and(|fields| !fields.0["f:spec"]["f:replicas"].is_null())
    })
}

struct Looker<'a> {
    client: &'a Client,
    subject: &'a Subject,
    memory: &'a Memory,
}

impl Looker<'_> {
    /// An object that a watch has seen.
    async fn look(&self, key: &ObjectKey, version: &Version) -> Result<Option<Live>, Error> {
        let known = self.memory.applied.get(key);
        let unmoved = known.filter(|known| known.version == *version);
        let view = unmoved.and_then(|known| Some((known, view(key.kind, known)?)));
        let Some((known, view)) = view else {
            return self.read(key).await;
        };
        let uid = version.uid.to_string();
        let resource_version = version.resource_version.to_string();
        Ok(Some(Live {
            accepted: known.accepted.clone(),
            tolerated: known.tolerated.clone(),
            ..Live::new(uid, resource_version, true, view)
        }))
    }

    /// An object as it stands now.
    async fn read(&self, key: &ObjectKey) -> Result<Option<Live>, Error> {
        let failed = |source| Error::Read {
            what: key.to_string(),
            source,
        };
        let Some(mut object) = self.get(key).await.map_err(failed)? else {
            return Ok(None);
        };
        let owns_replicas = owns_replicas(&object);
        object.metadata.managed_fields = None;
        let version = Version::of(&object).ok_or_else(|| Error::Incomplete(key.clone()))?;
        let known = self.memory.applied.get(key);
        let known = known.filter(|known| known.version.uid == version.uid);
        let owned = self.owns(&object);
        let view = View::Body(serde_json::to_value(&object)?);
        Ok(Some(Live {
            accepted: known
                .map(|known| known.accepted.clone())
                .unwrap_or_default(),
            owns_replicas,
            ..Live::new(
                version.uid.into(),
                version.resource_version.into(),
                owned,
                view,
            )
        }))
    }

    async fn get(&self, key: &ObjectKey) -> kube::Result<Option<DynamicObject>> {
        let namespace = &self.subject.name.namespace;
        if key.kind != Kind::Secret {
            return api::objects(self.client, namespace, key.kind)
                .get_opt(&key.name)
                .await;
        }
        // The values of a Secret have no business in an observation.
        let secrets = api::objects(self.client, namespace, key.kind);
        let Some(found) = secrets.get_metadata_opt(&key.name).await? else {
            return Ok(None);
        };
        let resource = api::resource(key.kind);
        let mut bare = DynamicObject::new(&key.name, &resource);
        bare.metadata = found.metadata;
        Ok(Some(bare))
    }

    /// Ours by label, and nobody else's by owner: data that outlived a platform has no owner.
    fn owns(&self, object: &DynamicObject) -> bool {
        let is = |label: &str, value: &str| {
            object
                .labels()
                .get(label)
                .is_some_and(|found| found == value)
        };
        let controller = object
            .owner_references()
            .iter()
            .find(|owner| owner.controller == Some(true));
        is(labels::MANAGED_BY, labels::MANAGER)
            && is(labels::INSTANCE, &self.subject.name.name)
            && controller.is_none_or(|owner| owner.uid == self.subject.uid)
    }
}
