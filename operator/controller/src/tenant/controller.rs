//! Wiring: what is watched, and how that leads to a look at a Tenant.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, PartialObjectMeta};
use kube::runtime::controller::{Action, Error as ApplierError};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::utils::CancelableJoinHandle;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{Config, Predicate, PredicateConfig, WatchStreamExt, applier, predicates};
use kube::{Resource, ResourceExt};
use operator_core::resolve::RETRY_ANNOTATION;
use operator_core::tenant::{ABANDON_ANNOTATION, OWNER_OF};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::directory::{Directory, TenantName};
use super::reconcile::{Primary, error_policy, reconcile};
use super::roll::Place;
use crate::context::Context;
use crate::error::Error;
use crate::watch::relisting;

/// As many as platforms at once.
const CONCURRENCY: u16 = 16;
const PAGE_SIZE: u32 = 50;

/// One namespace, or all of them, until `stop`.
pub(crate) async fn run_in(context: Arc<Context>, place: Place, stop: CancellationToken) {
    let triggered = context.directory.listen();
    let (store, writer) = reflector::store();
    let primaries = primaries(Arc::clone(&context), place.clone(), writer);
    let secrets = follow_secrets(Arc::clone(&context), place);
    let _secrets = AbortOnDropHandle::new(tokio::spawn(secrets));
    let queue = stream::select(primaries, requests(triggered)).take_until(stop.cancelled_owned());
    applier(
        |tenant, context: Arc<Context>| {
            let look = async move {
                // Before its platform is known, it would seem to be missing.
                context.directory.listed_or_late().await;
                reconcile(tenant, context).await
            };
            CancelableJoinHandle::spawn(look, &Handle::current())
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

/// The Tenants that changed in what concerns us: their status does not.
fn primaries(
    context: Arc<Context>,
    place: Place,
    writer: Writer<Primary>,
) -> impl Stream<Item = Result<ObjectRef<Primary>, watcher::Error>> + Send + 'static {
    let client = context.client.clone();
    let api: Api<Primary> = match &place {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let concerns = predicates::generation
        .combine(predicates::finalizers)
        .combine(requested);
    let pages = watcher::Config::default().page_size(PAGE_SIZE);
    relisting(api, pages, context.pace.relist)
        .modify(prune)
        .inspect_ok(move |event| {
            context.directory.tenant_seen(&place, event);
            if let Event::Delete(tenant) = event
                && let Some(uid) = tenant.uid()
            {
                context.forget(&uid);
            }
        })
        .reflect(writer)
        .touched_objects()
        .predicate_filter(concerns, PredicateConfig::default())
        .map_ok(|tenant| ObjectRef::from_obj(&tenant))
}

/// A person asks for a look, or gives a Tenant up.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the shape that kube wants of a predicate"
)]
fn requested(tenant: &Primary) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    for annotation in [RETRY_ANNOTATION, ABANDON_ANNOTATION] {
        tenant.annotations().get(annotation).hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Nothing of this is read, and it is most of an object's size.
fn prune(tenant: &mut Primary) {
    tenant.meta_mut().managed_fields = None;
    tenant
        .annotations_mut()
        .remove("kubectl.kubernetes.io/last-applied-configuration");
}

fn requests(
    mut triggered: mpsc::UnboundedReceiver<TenantName>,
) -> impl Stream<Item = Result<ObjectRef<Primary>, watcher::Error>> + Send + 'static {
    stream::poll_fn(move |task| triggered.poll_recv(task))
        .map(|tenant| Ok(ObjectRef::new(&tenant.name).within(&tenant.namespace)))
}

/// An owner's Secret that somebody deletes is a wish for a new invitation.
async fn follow_secrets(context: Arc<Context>, place: Place) {
    let client = context.client.clone();
    let api: Api<PartialObjectMeta<Secret>> = match &place {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let ours = watcher::Config::default()
        .labels(OWNER_OF)
        .page_size(PAGE_SIZE);
    let mut events = pin!(relisting(api, ours, context.pace.relist));
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Delete(secret)) => wake_owner(&context.directory, &secret),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "watch of owner Secrets failed; it restarts"),
        }
    }
}

fn wake_owner(directory: &Directory, secret: &PartialObjectMeta<Secret>) {
    if let (Some(name), Some(namespace)) = (secret.labels().get(OWNER_OF), secret.namespace()) {
        directory.trigger(&TenantName {
            namespace,
            name: name.clone(),
        });
    }
}

/// Logs what a reconcile does not log itself: deleted Tenants, and failed watches.
fn note(result: &Result<(ObjectRef<Primary>, Action), ApplierError<Error, watcher::Error>>) {
    match result {
        Ok(_) | Err(ApplierError::ReconcilerFailed(..)) => {}
        Err(ApplierError::ObjectNotFound(tenant)) => {
            tracing::debug!(%tenant, "request ignored: its Tenant no longer exists");
        }
        Err(error) => tracing::warn!(%error, "watch of Tenants failed; it restarts"),
    }
}
