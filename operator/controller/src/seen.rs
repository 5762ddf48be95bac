//! What the watches have seen of our objects: who exists in which version, and nothing else.
//!
//! kube's own stores keep whole metadata and have no index by platform; at 200,000 objects both
//! matter. This store also notices, after a gap in a watch, what vanished meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::api::{DynamicObject, PartialObjectMeta};
use kube::runtime::watcher::Event;
use operator_core::object::{Kind, ObjectKey};
use operator_core::plan::labels;
use tokio::sync::watch;

/// The metadata that a watch delivers.
pub type Metadata = PartialObjectMeta<DynamicObject>;

/// A platform by name: owned objects carry it as a label, whoever their owner is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlatformName {
    /// Where it lives, and all of its objects with it.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// One version of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Which object.
    pub uid: Box<str>,
    /// Which state of it.
    pub resource_version: Box<str>,
}

/// One watch: a kind in one namespace, or everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Watch {
    /// What is watched.
    pub kind: Kind,
    /// Where; everywhere when absent.
    pub namespace: Option<String>,
}

/// All that the watches have seen.
#[derive(Default)]
pub struct Seen {
    state: Mutex<State>,
    lists: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    /// In the order of namespaces, so that a list of one passes over its platforms only.
    objects: BTreeMap<PlatformName, BTreeMap<ObjectKey, Version>>,
    listed: BTreeMap<Watch, bool>,
    relisting: HashMap<Watch, BTreeSet<(PlatformName, ObjectKey)>>,
}

impl Seen {
    /// Announces a watch: until it has listed once, nothing may be decided.
    pub fn announce(&self, watch: Watch) {
        self.state().listed.entry(watch).or_insert(false);
    }

    /// Ends a watch whose kind is gone: what was seen of the kind is forgotten.
    pub fn dismiss(&self, watch: &Watch) {
        let mut state = self.state();
        state.listed.remove(watch);
        state.relisting.remove(watch);
        for (_, objects) in state.objects.range_mut(watch.platforms()) {
            objects.retain(|key, _| key.kind != watch.kind);
        }
    }

    /// Ends all watches of a place: what was seen there is forgotten.
    pub fn leave(&self, place: &Option<String>) {
        let watches: Vec<Watch> = {
            let state = self.state();
            let here = |watch: &&Watch| watch.namespace == *place;
            state.listed.keys().filter(here).cloned().collect()
        };
        for watch in watches {
            self.dismiss(&watch);
        }
        let mut state = self.state();
        state.objects.retain(|_, objects| !objects.is_empty());
    }

    /// Whether a watch has listed once.
    pub fn has_listed(&self, watch: &Watch) -> bool {
        self.state().listed.get(watch).copied().unwrap_or_default()
    }

    /// Waits until every announced watch of a place has listed once. Other places are none of its
    /// concern: one that cannot be listed must not keep the operator from serving the others.
    pub async fn listed_in(&self, place: Option<&str>) {
        let mut lists = self.lists.subscribe();
        while self.waiting().contains_key(&place.map(str::to_owned)) {
            if lists.changed().await.is_err() {
                return;
            }
        }
    }

    /// The kinds that have not been listed yet, by place.
    pub fn waiting(&self) -> BTreeMap<Option<String>, Vec<Kind>> {
        let mut waiting: BTreeMap<_, Vec<Kind>> = BTreeMap::new();
        for (watch, listed) in &self.state().listed {
            if !listed {
                let place = watch.namespace.clone();
                waiting.entry(place).or_default().push(watch.kind);
            }
        }
        waiting
    }

    /// Whether decisions are made anywhere: whether some place has been listed in full.
    pub fn serves(&self) -> bool {
        let waiting = self.waiting();
        let state = self.state();
        let mut places = state.listed.keys().map(|watch| &watch.namespace);
        places.any(|place| !waiting.contains_key(place))
    }

    /// Our objects of one platform.
    pub fn objects(&self, platform: &PlatformName) -> BTreeMap<ObjectKey, Version> {
        self.state()
            .objects
            .get(platform)
            .cloned()
            .unwrap_or_default()
    }

    /// Takes one event in; answers which platforms have something new to look at.
    pub fn absorb(&self, watch: &Watch, event: Event<Metadata>) -> Vec<PlatformName> {
        let mut state = self.state();
        match event {
            Event::Init => {
                state.relisting.insert(watch.clone(), BTreeSet::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                let Some((platform, key)) = identify(watch.kind, &object) else {
                    return Vec::new();
                };
                if let Some(listed) = state.relisting.get_mut(watch) {
                    listed.insert((platform.clone(), key.clone()));
                }
                state.put(platform, key, &object).into_iter().collect()
            }
            Event::InitDone => {
                state.listed.insert(watch.clone(), true);
                self.lists.send_replace(());
                let listed = state.relisting.remove(watch).unwrap_or_default();
                state.drop_unlisted(watch, &listed)
            }
            Event::Apply(object) => identify(watch.kind, &object)
                .and_then(|(platform, key)| state.put(platform, key, &object))
                .into_iter()
                .collect(),
            Event::Delete(object) => identify(watch.kind, &object)
                .and_then(|(platform, key)| state.remove(platform, &key))
                .into_iter()
                .collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(
        &mut self,
        platform: PlatformName,
        key: ObjectKey,
        object: &Metadata,
    ) -> Option<PlatformName> {
        let version = Version::of(object)?;
        let objects = self.objects.entry(platform.clone()).or_default();
        let before = objects.insert(key, version.clone());
        (before != Some(version)).then_some(platform)
    }

    fn remove(&mut self, platform: PlatformName, key: &ObjectKey) -> Option<PlatformName> {
        let objects = self.objects.get_mut(&platform)?;
        objects.remove(key)?;
        if objects.is_empty() {
            self.objects.remove(&platform);
        }
        Some(platform)
    }

    /// A list after a gap has no delete events: what it lacks is gone.
    fn drop_unlisted(
        &mut self,
        watch: &Watch,
        listed: &BTreeSet<(PlatformName, ObjectKey)>,
    ) -> Vec<PlatformName> {
        let mut gone = Vec::new();
        for (platform, objects) in self.objects.range(watch.platforms()) {
            let kept = |key: &ObjectKey| listed.contains(&(platform.clone(), key.clone()));
            let vanished = objects
                .keys()
                .filter(|key| key.kind == watch.kind && !kept(key));
            gone.extend(vanished.map(|key| (platform.clone(), key.clone())));
        }
        gone.into_iter()
            .filter_map(|(platform, key)| self.remove(platform, &key))
            .collect()
    }
}

impl Version {
    /// The version that an answer or an event carries.
    pub fn of<K: ResourceExt>(object: &K) -> Option<Self> {
        Some(Self {
            uid: object.uid()?.into(),
            resource_version: object.resource_version()?.into(),
        })
    }
}

impl Watch {
    /// The platforms whose objects it watches.
    fn platforms(&self) -> (Bound<PlatformName>, Bound<PlatformName>) {
        let Some(namespace) = &self.namespace else {
            return (Bound::Unbounded, Bound::Unbounded);
        };
        let first = |namespace: String| PlatformName {
            namespace,
            name: String::new(),
        };
        // The least text that is greater than that of the namespace.
        let after = format!("{namespace}\0");
        (
            Bound::Included(first(namespace.clone())),
            Bound::Excluded(first(after)),
        )
    }
}

fn identify(kind: Kind, object: &Metadata) -> Option<(PlatformName, ObjectKey)> {
    let name = object.labels().get(labels::INSTANCE)?.clone();
    let platform = PlatformName {
        namespace: object.namespace()?,
        name,
    };
    Some((
        platform,
        ObjectKey {
            kind,
            name: object.name_any(),
        },
    ))
}
