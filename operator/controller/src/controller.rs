//! Wiring: what is watched, and how that leads to a look at a platform.
//!
//! kube's `applier` instead of its `Controller`: owned objects are matched by label, not by owner
//! (volumes and secrets have none), into a store that also notices deletes missed in a gap.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
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
use operator_core::resolve::REQUEST_ANNOTATIONS;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::context::Context;
use crate::error::Error;
use crate::reconcile::{error_policy, reconcile};
pub use crate::scope::Scope;
use crate::seen::PlatformName;
use crate::tenant::{self, Place};
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

/// Runs until `stop`, then lets running looks finish. Namespaces may come and go meanwhile.
pub async fn run(context: Arc<Context>, scope: Scope, stop: CancellationToken) {
    let mut places = scope.follow(context.client.clone());
    let unserved = watch_unserved(Arc::clone(&context));
    let _unserved = AbortOnDropHandle::new(tokio::spawn(unserved));
    let mut serving = FuturesUnordered::new();
    let mut served: BTreeMap<Place, CancellationToken> = BTreeMap::new();
    while !stop.is_cancelled() {
        let wanted = places.now.borrow_and_update().clone();
        for (place, end) in &served {
            if !wanted.contains(place) {
                end.cancel();
            }
        }
        let new: Vec<Place> = wanted
            .into_iter()
            .filter(|place| !served.contains_key(place))
            .collect();
        for place in &new {
            context.directory.announce(place);
        }
        for place in new {
            let end = stop.child_token();
            served.insert(place.clone(), end.clone());
            serving.push(serve(Arc::clone(&context), place, end));
        }
        tokio::select! {
            Some(place) = serving.next() => {
                served.remove(&place);
                if !stop.is_cancelled() {
                    context.leave(&place).await;
                }
            }
            // A fixed list never changes: then this branch is disabled.
            Ok(()) = places.now.changed() => {}
            () = stop.cancelled() => {}
        }
    }
    let ended = timeout(SHUTDOWN_PATIENCE, async {
        while serving.next().await.is_some() {}
    });
    if ended.await.is_err() {
        tracing::warn!("shutdown timeout reached; reconciles are cancelled");
    }
}

/// Serves one place until `stop`; answers which one that was.
async fn serve(context: Arc<Context>, place: Place, stop: CancellationToken) -> Place {
    let tenants = tenant::controller::run_in(Arc::clone(&context), place.clone(), stop.clone());
    let platforms = run_in(context, place.clone(), stop);
    tokio::join!(platforms, tenants);
    place
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
    let counting = count_tenants(
        Arc::clone(&context),
        place.clone(),
        watches.triggers.clone(),
    );
    let _counting = AbortOnDropHandle::new(tokio::spawn(counting));
    let started = async {
        let running = watches.start(store.clone()).await;
        context.seen.listed_in(place.as_deref()).await;
        running
    };
    let Some(_running) = stop.run_until_cancelled(started).await else {
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
}

/// A platform's status tells the number of its Tenants, a while after it changed: a thousand that
/// become ready one after the other are not a thousand looks.
async fn count_tenants(context: Arc<Context>, place: Place, triggers: mpsc::Sender<PlatformName>) {
    let mut told = BTreeMap::new();
    context.directory.listed_or_late().await;
    loop {
        let counts = context.directory.counts(&place);
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

/// A person asks for something, for example to retry a failed Job, by changing an annotation.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape that kube wants of a predicate"
)]
fn requested(platform: &Primary) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for name in REQUEST_ANNOTATIONS {
        platform.annotations().get(name).hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Nothing of this is read, and it is most of an object's size. Of the plan in the status of a
/// suspended platform its hash is enough, which the report remembers.
fn prune(platform: &mut Primary) {
    platform.meta_mut().managed_fields = None;
    if let Ok(CreatorPlatform {
        status: Some(status),
        ..
    }) = &mut platform.0
    {
        status.pending_plan = Vec::new();
    }
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
