//! Wiring: what is watched, and how that leads to a look at a platform.
//!
//! kube's `applier` instead of its `Controller`: owned objects are matched by label, not by owner
//! (volumes and secrets have none), into a store that also notices deletes missed in a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Error as ApplierError};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::utils::CancelableJoinHandle;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{Config, Predicate, PredicateConfig, WatchStreamExt, applier, predicates};
use kube::{Resource, ResourceExt};
use operator_core::api::CreatorPlatform;
use operator_core::api::status::TenantCount;
use operator_core::resolve::RETRY_ANNOTATION;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::error::Error;
use crate::reconcile::{error_policy, reconcile};
use crate::seen::PlatformName;
use crate::tenant;
use crate::watch::{Watches, relisting};

/// A platform as it is watched: one that cannot be parsed stops nobody else.
pub type Primary = DeserializeGuard<CreatorPlatform>;

/// More at once only makes the API server the bottleneck.
const CONCURRENCY: u16 = 16;
const PAGE_SIZE: u32 = 50;
const TRIGGER_BUFFER: usize = 1024;
/// For looks in flight when the process is told to end; they are safe to break off, too.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks at which namespaces are not served.
const UNSERVED_INTERVAL: Duration = Duration::from_secs(30);

/// Where the operator works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// In these namespaces; it sees nothing else.
    Namespaces(Vec<String>),
    /// Everywhere.
    Cluster,
}

impl Scope {
    /// What is watched by itself, once each.
    fn places(self) -> Vec<Option<String>> {
        match self {
            Self::Cluster => vec![None],
            Self::Namespaces(namespaces) => {
                let once: BTreeSet<String> = namespaces.into_iter().collect();
                once.into_iter().map(Some).collect()
            }
        }
    }
}

/// Runs until `stop`, then lets running looks finish.
pub async fn run(context: Arc<Context>, scope: Scope, stop: CancellationToken) {
    let places = scope.places();
    for place in &places {
        context.directory.announce(place);
    }
    let all = places.into_iter().map(|place| {
        let tenants = tenant::controller::run_in(Arc::clone(&context), place.clone(), stop.clone());
        let platforms = run_in(Arc::clone(&context), place, stop.clone());
        async { tokio::join!(platforms, tenants) }
    });
    let unserved = tokio::spawn(watch_unserved(Arc::clone(&context)));
    let patience = async {
        stop.cancelled().await;
        sleep(SHUTDOWN_PATIENCE).await;
    };
    tokio::select! {
        _ = join_all(all) => {}
        () = patience => tracing::warn!("shutdown timeout reached; reconciles are cancelled"),
    }
    unserved.abort();
}

/// Reports the namespaces that are not served, since their lists are not complete: a namespace that
/// was deleted, or one in which the operator has no rights.
async fn watch_unserved(context: Arc<Context>) {
    let mut reported = BTreeSet::new();
    loop {
        sleep(UNSERVED_INTERVAL).await;
        let waiting = context.seen.waiting();
        let number = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
        metrics::gauge!("operator_namespaces_not_served").set(number);
        for (place, kinds) in &waiting {
            if reported.insert(place.clone()) {
                let namespace = place.as_deref().unwrap_or("all");
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.kind()).collect();
                tracing::error!(
                    namespace,
                    kinds = kinds.join(", "),
                    "a watched namespace is not served: these kinds cannot be listed in it"
                );
            }
        }
        reported.retain(|place| waiting.contains_key(place));
    }
}

/// One namespace, or all of them: its watches, its platforms.
async fn run_in(context: Arc<Context>, namespace: Option<String>, stop: CancellationToken) {
    let (triggers, triggered) = mpsc::channel(TRIGGER_BUFFER);
    let (store, writer) = reflector::store();
    let primaries = primaries(Arc::clone(&context), namespace.as_deref(), writer);
    let place = namespace.clone();
    let watches = Watches {
        context: Arc::clone(&context),
        namespace,
        triggers,
    };
    let counting = tokio::spawn(count_tenants(
        Arc::clone(&context),
        watches.triggers.clone(),
    ));
    let started = async {
        let running = watches.start(store.clone()).await;
        context.seen.listed_in(place.as_deref()).await;
        running
    };
    let Some(running) = stop.run_until_cancelled(started).await else {
        counting.abort();
        return;
    };
    let served = place.as_deref().unwrap_or("all");
    tracing::info!(
        namespace = served,
        "initial lists of all watches are complete; reconciling starts"
    );
    let queue = stream::select(primaries, requests(triggered)).take_until(stop.cancelled_owned());
    applier(
        |platform, context| {
            CancelableJoinHandle::spawn(reconcile(platform, context), &Handle::current())
        },
        error_policy,
        context,
        store,
        Box::pin(queue),
        Config::default().concurrency(CONCURRENCY),
    )
    .for_each(async |result| note(&result))
    .await;
    running.iter().for_each(JoinHandle::abort);
    counting.abort();
}

/// A platform's status tells the number of its Tenants, a while after it changed: a thousand that
/// become ready one after the other are not a thousand looks.
async fn count_tenants(context: Arc<Context>, triggers: mpsc::Sender<PlatformName>) {
    let mut told = BTreeMap::new();
    context.directory.listed_or_late().await;
    loop {
        let counts = context.directory.counts();
        let gone = told
            .keys()
            .filter(|platform| !counts.contains_key(platform));
        let other =
            |(platform, count): &(&PlatformName, &TenantCount)| told.get(*platform) != Some(*count);
        let changed = counts.iter().filter(other).map(|(platform, _)| platform);
        let changed: Vec<PlatformName> = changed.chain(gone).cloned().collect();
        for platform in changed {
            if triggers.send(platform).await.is_err() {
                return;
            }
        }
        told = counts;
        sleep(context.pace.counts).await;
    }
}

/// The platforms that changed in what concerns us: their status does not.
fn primaries(
    context: Arc<Context>,
    namespace: Option<&str>,
    writer: Writer<Primary>,
) -> impl Stream<Item = Result<ObjectRef<Primary>, watcher::Error>> + Send + 'static {
    let client = context.client.clone();
    let (place, directory) = (namespace.map(str::to_owned), Arc::clone(&context.directory));
    let api: Api<Primary> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let concerns = predicates::generation
        .combine(predicates::finalizers)
        .combine(requested);
    let pages = watcher::Config::default().page_size(PAGE_SIZE);
    relisting(api, pages, context.pace.relist)
        .modify(prune)
        .inspect_ok(move |event| directory.platform_seen(&place, event))
        .inspect_ok(move |event| forget(&context, event))
        .reflect(writer)
        .touched_objects()
        .predicate_filter(concerns, PredicateConfig::default())
        .map_ok(|platform| ObjectRef::from_obj(&platform))
}

/// A person asks for a look, for example to retry a failed Job, by changing this annotation.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape that kube wants of a predicate"
)]
fn requested(platform: &Primary) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    platform
        .annotations()
        .get(RETRY_ANNOTATION)
        .hash(&mut hasher);
    Some(hasher.finish())
}

/// Nothing of this is read, and it is most of an object's size.
fn prune(platform: &mut Primary) {
    platform.meta_mut().managed_fields = None;
    platform
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}

fn forget(context: &Context, event: &Event<Primary>) {
    if let Event::Delete(platform) = event
        && let Some(uid) = platform.uid()
    {
        context.forget(&uid);
    }
}

fn requests(
    mut triggered: mpsc::Receiver<PlatformName>,
) -> impl Stream<Item = Result<ObjectRef<Primary>, watcher::Error>> + Send + 'static {
    stream::poll_fn(move |task| triggered.poll_recv(task))
        .map(|platform| Ok(ObjectRef::new(&platform.name).within(&platform.namespace)))
}

/// Logs what a reconcile does not log itself: objects of deleted platforms, and failed watches.
fn note(result: &Result<(ObjectRef<Primary>, Action), ApplierError<Error, watcher::Error>>) {
    match result {
        Ok(_) | Err(ApplierError::ReconcilerFailed(..)) => {}
        Err(ApplierError::ObjectNotFound(platform)) => {
            tracing::debug!(%platform, "request ignored: its platform no longer exists");
        }
        Err(error) => tracing::warn!(%error, "watch of CreatorPlatforms failed; it restarts"),
    }
}
