//! Where the operator works: namespaces by name or by label, which may change while it runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::tenant::Place;
use crate::watch::relisting;

/// From one look at the file of namespaces to the next.
const FILE_INTERVAL: Duration = Duration::from_secs(5);
/// As for every other watch.
const RELIST_INTERVAL: Duration = Duration::from_mins(10);
const PAGE_SIZE: u32 = 100;

/// Where the operator works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// In these namespaces; it sees nothing else.
    Namespaces(Vec<String>),
    /// In the namespaces that a file lists, separated by commas or lines.
    File(PathBuf),
    /// In the namespaces with these labels.
    Selector(String),
    /// Everywhere.
    Cluster,
}

/// The places to work in, as they are now.
pub(crate) struct Places {
    /// None while they are not known.
    pub(crate) now: watch::Receiver<BTreeSet<Place>>,
    _following: Option<AbortOnDropHandle<()>>,
}

impl Scope {
    /// Follows which places these are.
    pub(crate) fn follow(self, client: Client) -> Places {
        let fixed = |places: BTreeSet<Place>| (watch::channel(places), None);
        let ((sender, now), rest) = match self {
            Self::Cluster => fixed(BTreeSet::from([None])),
            Self::Namespaces(namespaces) => fixed(namespaces.into_iter().map(Some).collect()),
            Self::File(file) => (watch::channel(BTreeSet::new()), Some(Source::File(file))),
            Self::Selector(labels) => {
                let source = Source::Selector(client, labels);
                (watch::channel(BTreeSet::new()), Some(source))
            }
        };
        let following = rest.map(|source| AbortOnDropHandle::new(tokio::spawn(source.run(sender))));
        Places {
            now,
            _following: following,
        }
    }
}

enum Source {
    File(PathBuf),
    Selector(Client, String),
}

impl Source {
    async fn run(self, places: watch::Sender<BTreeSet<Place>>) {
        match self {
            Self::File(file) => follow_file(&file, &places).await,
            Self::Selector(client, labels) => follow_labels(client, &labels, &places).await,
        }
    }
}

fn set(places: &watch::Sender<BTreeSet<Place>>, namespaces: BTreeSet<String>) {
    let wanted: BTreeSet<Place> = namespaces.into_iter().map(Some).collect();
    places.send_if_modified(|known| {
        let is_new = *known != wanted;
        if is_new {
            tracing::info!(namespaces = wanted.len(), "the watched namespaces changed");
            *known = wanted;
        }
        is_new
    });
}

/// A mounted `ConfigMap` is replaced while the pod runs.
async fn follow_file(file: &Path, places: &watch::Sender<BTreeSet<Place>>) {
    loop {
        match tokio::fs::read_to_string(file).await {
            Ok(text) => set(places, names(&text)),
            // What was watched stays watched.
            Err(error) => {
                let file = file.display();
                tracing::warn!(%file, %error, "the list of namespaces could not be read");
            }
        }
        sleep(FILE_INTERVAL).await;
    }
}

fn names(text: &str) -> BTreeSet<String> {
    let names = text.split([',', '\n']).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn follow_labels(client: Client, labels: &str, places: &watch::Sender<BTreeSet<Place>>) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let config = watcher::Config::default()
        .labels(labels)
        .page_size(PAGE_SIZE);
    let mut events = pin!(relisting(api, config, RELIST_INTERVAL));
    let (mut known, mut listing) = (BTreeSet::new(), BTreeSet::new());
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listing.clear(),
            Ok(Event::InitApply(namespace)) => {
                listing.insert(namespace.name_any());
                continue;
            }
            Ok(Event::InitDone) => known.clone_from(&listing),
            Ok(Event::Apply(namespace)) => {
                known.insert(namespace.name_any());
            }
            Ok(Event::Delete(namespace)) => {
                known.remove(&namespace.name_any());
            }
            Err(error) => {
                tracing::warn!(%error, "watch of namespaces failed; it restarts");
                continue;
            }
        }
        set(places, known.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_namespaces_has_commas_or_lines() {
        let expected = BTreeSet::from(["a".to_owned(), "b".to_owned(), "c".to_owned()]);
        assert_eq!(names("a, b\nc\n\na"), expected);
        assert_eq!(names(" \n"), BTreeSet::new());
    }
}
