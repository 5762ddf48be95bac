//! Who is there: every platform in the words that a Tenant needs, and every Tenant in one line.
//!
//! Filled by the watches of both kinds, so that a look at a Tenant reads neither.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use operator_core::api::status::TenantCount;
use operator_core::api::{Condition, ConditionStatus, CreatorPlatform, Tenant};
use operator_core::resolve;
use operator_core::tenant::PlatformFact;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::roll::{Change, InNamespace as _, Place, Roll};
use super::tenant_index::TenantIndex;
use crate::seen::PlatformName;

/// As long as the first lists of a large cluster take on a slow API server.
const LISTS_TIMEOUT: Duration = Duration::from_mins(1);

/// A Tenant by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantName {
    /// Where it lives.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What a Tenant needs to know of its platform.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    allowed: Vec<String>,
    fact: PlatformFact,
}

/// What the others need to know of a Tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    uid: String,
    platform: PlatformName,
    email: String,
    /// Who was there first: ties are broken by the UID.
    age: (Timestamp, String),
    ready: bool,
}

/// Every platform and every Tenant that the watches have seen.
pub struct Directory {
    state: Mutex<State>,
    lists: watch::Sender<()>,
    /// When lists that are not complete are waited for no longer.
    late: Instant,
}

impl Default for Directory {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            lists: watch::Sender::default(),
            late: Instant::now() + LISTS_TIMEOUT,
        }
    }
}

#[derive(Default)]
struct State {
    platforms: Roll<PlatformName, Known>,
    tenants: Roll<TenantName, Entry>,
    index: TenantIndex,
    listeners: Vec<mpsc::UnboundedSender<TenantName>>,
}

impl Directory {
    /// Announces the watches of a place: until they have listed, nothing may be decided.
    pub fn announce(&self, place: &Place) {
        let mut state = self.state();
        state.platforms.listed.insert(place.clone(), false);
        state.tenants.listed.insert(place.clone(), false);
    }

    /// Forgets a place that is not watched any more.
    pub fn leave(&self, place: &Place) {
        let mut state = self.state();
        state.platforms.leave(place);
        for Change { name, before } in state.tenants.leave(place) {
            let before = before.map(|one| (one.platform, one.email));
            state.index.replace(&name, before, None);
        }
        drop(state);
        self.lists.send_replace(());
    }

    /// Waits until every announced watch has listed once.
    pub async fn all_listed(&self) {
        let mut lists = self.lists.subscribe();
        loop {
            if self.is_complete() {
                return;
            }
            if lists.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until every announced watch has listed once, but not for one that seems unable to:
    /// its namespace may be gone, and the others are served without it.
    pub async fn listed_or_late(&self) {
        // A longer wait changes nothing.
        let _ = timeout_at(self.late, self.all_listed()).await;
    }

    /// Names of Tenants that have something new to look at, from now on.
    pub fn listen(&self) -> mpsc::UnboundedReceiver<TenantName> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.state().listeners.push(sender);
        receiver
    }

    /// Says that a Tenant has something new to look at.
    pub fn trigger(&self, tenant: &TenantName) {
        self.state().trigger(tenant);
    }

    /// Takes in what a watch of the platforms says; one that cannot be read is not ready.
    pub fn platform_seen(&self, place: &Place, event: &Event<DeserializeGuard<CreatorPlatform>>) {
        let mut state = self.state();
        let changed = state.platforms.absorb(place, event, |platform| {
            let name = PlatformName {
                namespace: platform.namespace()?,
                name: platform.name_any(),
            };
            Some((name, known(platform.0.as_ref().ok())))
        });
        for Change { name: platform, .. } in changed {
            let waits = match state.platforms.entries.get(&platform) {
                Some(known) => known.fact != PlatformFact::NotReady,
                None => true,
            };
            // Who is provisioned is looked at again in time; who waits for it is woken now.
            if waits {
                let of_it = state.index.of_platform(&platform);
                of_it.for_each(|tenant| state.trigger(tenant));
            }
        }
        drop(state);
        self.lists.send_replace(());
    }

    /// Takes in what a watch of the Tenants says.
    pub fn tenant_seen(&self, place: &Place, event: &Event<DeserializeGuard<Tenant>>) {
        let mut state = self.state();
        let mut changed = match event {
            // Also one that cannot be read any more.
            Event::Delete(tenant) => state.tenants.remove(&name_of(tenant)).into_iter().collect(),
            _ => Vec::new(),
        };
        changed.extend(state.tenants.absorb(place, event, |tenant| {
            Some((name_of(tenant), entry(tenant)?))
        }));
        for Change { name, before } in changed {
            let State { tenants, index, .. } = &mut *state;
            let now = tenants.entries.get(&name);
            let owner = |one: &Entry| (one.platform.clone(), one.email.clone());
            index.replace(&name, before.as_ref().map(owner), now.map(owner));
            // An address is free again, perhaps: whoever waits for it looks.
            let is_gone = now.is_none();
            if let Some(gone) = before.filter(|_| is_gone) {
                let heirs = state.index.of_owner(&gone.platform, &gone.email);
                heirs.for_each(|tenant| state.trigger(tenant));
            }
        }
        drop(state);
        self.lists.send_replace(());
    }

    /// What the platform of a Tenant is to it.
    pub fn platform_of(&self, tenant: &Tenant) -> PlatformFact {
        let here = tenant.namespace().unwrap_or_default();
        let platform = platform_name(tenant);
        let state = self.state();
        if !state.platforms.has_listed(&platform.namespace) {
            // Whether it exists is not known yet, and may not be for long.
            return PlatformFact::NotReady;
        }
        let known = state.platforms.entries.get(&platform);
        match known {
            // One that is being deleted comes to no Tenant's help any more.
            Some(Known {
                fact: PlatformFact::Missing,
                ..
            }) if platform.namespace != here => PlatformFact::NotAllowing,
            Some(known) if platform.namespace == here || known.allowed.contains(&here) => {
                known.fact.clone()
            }
            None if platform.namespace == here => PlatformFact::Missing,
            _ => PlatformFact::NotAllowing,
        }
    }

    /// The platform that a Tenant names, if it exists and does not let the Tenant in.
    pub fn refusing(&self, tenant: &Tenant) -> Option<PlatformFact> {
        let platform = platform_name(tenant);
        let state = self.state();
        let known = state.platforms.entries.get(&platform)?;
        let here = tenant.namespace().unwrap_or_default();
        let admits = platform.namespace == here || known.allowed.contains(&here);
        let exists = known.fact != PlatformFact::Missing;
        (!admits && exists).then(|| known.fact.clone())
    }

    /// An older Tenant of the same platform, let in, that names the same owner.
    pub fn rival_of(&self, tenant: &Tenant) -> Option<String> {
        let state = self.state();
        let own = TenantName {
            namespace: tenant.namespace()?,
            name: tenant.name_any(),
        };
        let mine = state.tenants.entries.get(&own)?;
        let is_rival = |name: &&TenantName| {
            let older = |one: &Entry| one.age < mine.age;
            **name != own
                && state.tenants.entries.get(*name).is_some_and(older)
                && state.admits(&mine.platform, &name.namespace)
        };
        let mut same_owner = state.index.of_owner(&mine.platform, &mine.email);
        same_owner
            .find(is_rival)
            .map(|name| format!("{}/{}", name.namespace, name.name))
    }

    /// The UIDs of a platform's Tenants.
    pub fn uids_of(&self, platform: &PlatformName) -> Vec<String> {
        let state = self.state();
        let of_it = state.index.of_platform(platform);
        of_it
            .filter_map(|name| Some(state.tenants.entries.get(name)?.uid.clone()))
            .collect()
    }

    /// The Tenants of a platform that it lets in; none before all are known that can be.
    pub fn count(&self, platform: &PlatformName) -> Option<TenantCount> {
        let is_settled = self.is_complete() || Instant::now() >= self.late;
        is_settled.then(|| self.state().count(platform))
    }

    /// The Tenants of every platform of a place that has one.
    pub fn counts(&self, place: &Place) -> BTreeMap<PlatformName, TenantCount> {
        let state = self.state();
        let here = state.index.platforms().filter(|name| name.is_in(place));
        let counts = here.map(|platform| (platform.clone(), state.count(platform)));
        counts.filter(|(_, count)| count.total > 0).collect()
    }

    fn is_complete(&self) -> bool {
        let state = self.state();
        let mut all = state
            .platforms
            .listed
            .values()
            .chain(state.tenants.listed.values());
        all.all(|listed| *listed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn trigger(&self, tenant: &TenantName) {
        for listener in &self.listeners {
            // A listener that is gone has nothing to look at.
            let _ = listener.send(tenant.clone());
        }
    }

    fn count(&self, platform: &PlatformName) -> TenantCount {
        let mut count = TenantCount::default();
        for name in self.index.of_platform(platform) {
            if self.admits(platform, &name.namespace)
                && let Some(one) = self.tenants.entries.get(name)
            {
                count.total += 1;
                count.ready += i32::from(one.ready);
            }
        }
        count
    }

    fn admits(&self, platform: &PlatformName, namespace: &String) -> bool {
        platform.namespace == *namespace
            || self
                .platforms
                .entries
                .get(platform)
                .is_some_and(|known| known.allowed.contains(namespace))
    }
}

/// The platform that a Tenant names.
pub fn platform_name(tenant: &Tenant) -> PlatformName {
    let named = &tenant.spec.platform_ref;
    let here = || tenant.namespace().unwrap_or_default();
    PlatformName {
        namespace: named.namespace.clone().unwrap_or_else(here),
        name: named.name.clone(),
    }
}

fn name_of(tenant: &DeserializeGuard<Tenant>) -> TenantName {
    TenantName {
        namespace: tenant.namespace().unwrap_or_default(),
        name: tenant.name_any(),
    }
}

/// Tenants are served by auth, so it is auth that has to be ready: a platform that is upgraded
/// is not ready for minutes, and its auth is all the time.
fn known(platform: Option<&CreatorPlatform>) -> Known {
    let Some(platform) = platform else {
        return Known {
            allowed: Vec::new(),
            fact: PlatformFact::NotReady,
        };
    };
    let status = platform.status.as_ref();
    let conditions = status.map_or(&[][..], |status| &status.conditions);
    let grants = &platform.spec.tenants;
    let fact = if platform.metadata.deletion_timestamp.is_some() {
        PlatformFact::Missing
    } else if holds(conditions, "AuthReady") {
        PlatformFact::Ready {
            public_url: resolve::public_url_of(platform),
            grants: Box::new(grants.clone()),
        }
    } else {
        PlatformFact::NotReady
    };
    Known {
        allowed: grants.allowed_namespaces.clone(),
        fact,
    }
}

fn entry(tenant: &DeserializeGuard<Tenant>) -> Option<Entry> {
    let tenant = tenant.0.as_ref().ok()?;
    let created = tenant.metadata.creation_timestamp.as_ref()?.0;
    let uid = tenant.uid()?;
    let status = tenant.status.as_ref();
    let conditions = status.map_or(&[][..], |status| &status.conditions);
    Some(Entry {
        platform: platform_name(tenant),
        email: tenant.spec.owner.email.trim().to_lowercase(),
        age: (created, uid.clone()),
        ready: holds(conditions, "Ready"),
        uid,
    })
}

fn holds(conditions: &[Condition], kind: &str) -> bool {
    conditions
        .iter()
        .any(|one| one.kind == kind && one.status == ConditionStatus::True)
}
