//! Metadata-only watches of every kind that we emit; of optional kinds once their CRD exists.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use kube::api::Api;
use kube::runtime::WatchStreamExt;
use kube::runtime::reflector::Store;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Resource, ResourceExt};
use operator_core::object::Kind;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use crate::api;
use crate::context::Context;
use crate::controller::Primary;
use crate::random;
use crate::seen::{PlatformName, Watch};

/// Small pages: the memory of a relist is what the operator needs at most.
const PAGE_SIZE: u32 = 50;
const OPTIONAL_KINDS_EVERY: Duration = Duration::from_mins(1);

/// A watch that begins anew, with a list, every so often.
///
/// An event that was lost on the way is told by nothing else: a look trusts what the watches have
/// seen, for its own objects and for the spec itself.
pub(crate) fn relisting<K>(
    api: Api<K>,
    config: watcher::Config,
    every: Duration,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    K::DynamicType: Send + Sync + 'static,
{
    let begin = move || {
        let enough = sleep(random::spread(every));
        watcher(api.clone(), config.clone()).take_until(enough)
    };
    stream::repeat_with(begin).flatten().default_backoff()
}

/// Starts the watches of one namespace, or of all of them.
#[derive(Clone)]
pub struct Watches {
    /// Where what is seen goes.
    pub context: Arc<Context>,
    /// Where to watch; everywhere when absent.
    pub namespace: Option<String>,
    /// Who has something new.
    pub triggers: mpsc::Sender<PlatformName>,
}

impl Watches {
    /// Starts to watch every kind that each cluster has, then the optional ones that this has.
    pub async fn start(self, platforms: Store<Primary>) -> Vec<AbortOnDropHandle<()>> {
        let always = Kind::ALL.iter().copied().filter(|kind| !kind.optional());
        let mut running: Vec<_> = always.map(|kind| self.watch(kind)).collect();
        let mut optional = Optional {
            watches: self,
            platforms,
            running: BTreeMap::new(),
        };
        optional.look().await;
        running.push(AbortOnDropHandle::new(tokio::spawn(
            optional.keep_looking(),
        )));
        running
    }

    fn watch(&self, kind: Kind) -> AbortOnDropHandle<()> {
        let watch = Watch {
            kind,
            namespace: self.namespace.clone(),
        };
        self.context.seen.announce(watch.clone());
        AbortOnDropHandle::new(tokio::spawn(self.clone().follow(watch)))
    }

    async fn follow(self, watch: Watch) {
        let objects = api::metadata(&self.context.client, watch.namespace.as_deref(), watch.kind);
        let ours = watcher::Config::default()
            .labels(&api::ours())
            .page_size(PAGE_SIZE);
        let every = self.context.pace.relist;
        let mut events = pin!(relisting(objects, ours, every));
        while let Some(event) = events.next().await {
            let started = self.context.seen.has_listed(&watch);
            match event {
                // Before the first list is whole nobody takes triggers, and nobody needs them.
                Ok(event) => {
                    let changed = self.context.seen.absorb(&watch, event);
                    for platform in changed.into_iter().filter(|_| started) {
                        if self.triggers.send(platform).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    metrics::counter!("operator_watch_errors_total", "kind" => watch.kind.kind())
                        .increment(1);
                    tracing::warn!(kind = watch.kind.kind(), %error, "watch failed; it restarts");
                }
            }
        }
    }
}

/// Follows which optional kinds the cluster serves.
///
/// By asking for the API groups, which every account may: a watch of CRDs would need a right in
/// the whole cluster, and the namespaced mode has none.
struct Optional {
    watches: Watches,
    platforms: Store<Primary>,
    running: BTreeMap<Kind, AbortOnDropHandle<()>>,
}

impl Optional {
    async fn keep_looking(mut self) {
        let mut ticks = interval(OPTIONAL_KINDS_EVERY);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            if self.look().await {
                self.trigger_all().await;
            }
        }
    }

    /// Looks once; answers whether something has changed.
    async fn look(&mut self) -> bool {
        let context = Arc::clone(&self.watches.context);
        let mut changed = false;
        for kind in Kind::ALL.iter().copied().filter(|kind| kind.optional()) {
            let served = match api::serves(&context.client, kind).await {
                Ok(served) => served,
                Err(error) => {
                    tracing::warn!(
                        kind = kind.kind(),
                        %error,
                        "API discovery of an optional kind failed; it is tried again"
                    );
                    continue;
                }
            };
            match (served, self.running.remove(&kind)) {
                (true, Some(task)) => {
                    self.running.insert(kind, task);
                    continue;
                }
                (true, None) => {
                    self.running.insert(kind, self.watches.watch(kind));
                    let place = self.watches.namespace.as_deref();
                    context.seen.listed_in(place).await;
                }
                (false, Some(task)) => {
                    drop(task);
                    context.seen.dismiss(&Watch {
                        kind,
                        namespace: self.watches.namespace.clone(),
                    });
                }
                (false, None) => continue,
            }
            context.set_optional(kind, served);
            changed = true;
            tracing::info!(
                kind = kind.kind(),
                served,
                "availability of an optional kind changed"
            );
        }
        changed
    }

    async fn trigger_all(&self) {
        for platform in self.platforms.state() {
            let Some(namespace) = platform.namespace() else {
                continue;
            };
            let name = PlatformName {
                namespace,
                name: platform.name_any(),
            };
            if self.watches.triggers.send(name).await.is_err() {
                return;
            }
        }
    }
}
