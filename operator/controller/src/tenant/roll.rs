//! What the watches of one kind have seen, by name.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use kube::runtime::watcher::Event;

use super::directory::TenantName;
use crate::seen::PlatformName;

/// Where a watch looks: one namespace, or everywhere.
pub type Place = Option<String>;

/// What a watch has seen; a list after a gap shows what vanished meanwhile.
pub(super) struct Roll<K, V> {
    pub(super) entries: HashMap<K, V>,
    pub(super) listed: HashMap<Place, bool>,
    relisting: HashMap<Place, HashSet<K>>,
}

impl<K, V> Default for Roll<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            listed: HashMap::new(),
            relisting: HashMap::new(),
        }
    }
}

/// An entry that changed, and what it was before; what it is now stands among the entries.
pub(super) struct Change<K, V> {
    pub(super) name: K,
    pub(super) before: Option<V>,
}

/// Names that carry their namespace.
pub(super) trait InNamespace {
    fn is_in(&self, place: &Place) -> bool;
}

impl InNamespace for PlatformName {
    fn is_in(&self, place: &Place) -> bool {
        place.as_ref().is_none_or(|one| *one == self.namespace)
    }
}

impl InNamespace for TenantName {
    fn is_in(&self, place: &Place) -> bool {
        place.as_ref().is_none_or(|one| *one == self.namespace)
    }
}

impl<K: Clone + Eq + Hash + InNamespace, V: PartialEq> Roll<K, V> {
    /// Whether the watch that covers a namespace has listed once; a namespace that is not watched
    /// has nothing to list.
    pub(super) fn has_listed(&self, namespace: &str) -> bool {
        let covers = |place: &Place| place.as_deref().is_none_or(|one| one == namespace);
        let mut places = self.listed.iter();
        places.all(|(place, listed)| *listed || !covers(place))
    }

    /// Forgets a place that is not watched any more; answers what was there.
    pub(super) fn leave(&mut self, place: &Place) -> Vec<Change<K, V>> {
        self.listed.remove(place);
        self.relisting.remove(place);
        let here = self.entries.keys().filter(|name| name.is_in(place));
        let here: Vec<K> = here.cloned().collect();
        here.iter().filter_map(|name| self.remove(name)).collect()
    }

    /// Removes an entry by its name alone, also one that cannot be read any more.
    pub(super) fn remove(&mut self, name: &K) -> Option<Change<K, V>> {
        let before = self.entries.remove(name)?;
        Some(Change {
            name: name.clone(),
            before: Some(before),
        })
    }

    /// Takes in an event; answers which entries are others now.
    pub(super) fn absorb<T>(
        &mut self,
        place: &Place,
        event: &Event<T>,
        line: impl Fn(&T) -> Option<(K, V)>,
    ) -> Vec<Change<K, V>> {
        match event {
            Event::Init => {
                self.relisting.insert(place.clone(), HashSet::new());
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => {
                let Some((name, value)) = line(object) else {
                    return Vec::new();
                };
                if let Some(listed) = self.relisting.get_mut(place) {
                    listed.insert(name.clone());
                }
                if self.entries.get(&name) == Some(&value) {
                    return Vec::new();
                }
                let before = self.entries.insert(name.clone(), value);
                vec![Change { name, before }]
            }
            Event::InitDone => {
                let listed = self.relisting.remove(place).unwrap_or_default();
                let gone = |name: &&K| name.is_in(place) && !listed.contains(*name);
                let gone: Vec<K> = self.entries.keys().filter(gone).cloned().collect();
                self.listed.insert(place.clone(), true);
                gone.iter().filter_map(|name| self.remove(name)).collect()
            }
            Event::Delete(object) => {
                let Some((name, _)) = line(object) else {
                    return Vec::new();
                };
                self.remove(&name).into_iter().collect()
            }
        }
    }
}
