//! What every look at a platform needs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use operator_core::api::status::OperatorStatus;
use operator_core::object::Kind;
use operator_core::plan::FIELD_MANAGER;

use crate::backoff::Backoff;
use crate::claims::{Claims, Refused};
use crate::fence::{Fence, Permit};
use crate::memory::Memories;
use crate::seen::Seen;
use crate::tenant::{AuthApi, Census, Directory, Place};

/// How often what happens by itself. Tests have no ten minutes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A platform, whatever happens.
    pub platform: Duration,
    /// A platform that waits: the watch is faster, unless it has lost an event, and what pods say
    /// of their troubles is not watched.
    pub waiting: Duration,
    /// Every watch begins anew with a list, which has what its events left out.
    pub relist: Duration,
    /// A Tenant, whatever happens: a look finds what was changed behind it.
    pub tenant: Duration,
    /// How long what auth said of all accounts of a platform is good for.
    pub census: Duration,
    /// The number of Tenants in the status of a platform.
    pub counts: Duration,
}

impl Default for Pace {
    /// A relist finds a lost event within 12 minutes, the jitter of a fifth included; so do the
    /// census and a Tenant's look together what was changed in auth.
    fn default() -> Self {
        Self {
            platform: Duration::from_mins(10),
            waiting: Duration::from_secs(15),
            relist: Duration::from_mins(10),
            tenant: Duration::from_mins(8),
            census: Duration::from_mins(2),
            counts: Duration::from_secs(5),
        }
    }
}

/// Shared by all looks at all platforms.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What the watches have seen.
    pub seen: Arc<Seen>,
    /// What was applied and read before.
    pub memories: Memories,
    /// Who failed how often.
    pub backoff: Backoff,
    /// Every platform and Tenant by name.
    pub directory: Arc<Directory>,
    /// Auth of every platform.
    pub auth: AuthApi,
    /// Accounts as auth knows them.
    pub census: Census,
    /// How often what is looked at by itself.
    pub pace: Pace,
    /// Where events go.
    pub recorder: Recorder,
    /// The namespace of this pod, as far as it is known.
    pub namespace: Option<String>,
    /// Who this operator is, as far as that is known.
    pub identity: Option<OperatorStatus>,
    fence: Fence,
    claims: Option<Arc<Claims>>,
    optional: Mutex<BTreeSet<Kind>>,
}

impl Context {
    /// A context that has seen nothing yet. `instance` is the name of this pod.
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance,
        };
        Self {
            seen: Arc::default(),
            memories: Memories::default(),
            backoff: Backoff::default(),
            directory: Arc::default(),
            auth: AuthApi::default(),
            census: Census::default(),
            pace: Pace::default(),
            recorder: Recorder::new(client.clone(), reporter),
            namespace: None,
            identity: None,
            fence: Fence::open(),
            claims: None,
            optional: Mutex::default(),
            client,
        }
    }

    /// With auth at that URL, for an operator outside of the cluster.
    #[must_use]
    pub fn with_auth_at(mut self, url: Option<String>) -> Self {
        self.auth = AuthApi::new(url);
        self
    }

    /// In a pod of that namespace, of that Deployment.
    #[must_use]
    pub fn in_pod_of(mut self, namespace: Option<String>, deployment: Option<&str>) -> Self {
        let named = namespace.as_ref().zip(deployment);
        self.identity = named.map(|(namespace, name)| OperatorStatus {
            name: format!("{namespace}/{name}"),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        });
        self.namespace = namespace;
        self
    }

    /// With another pace.
    #[must_use]
    pub const fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Writing only while leases are held; `client` has to be behind the same fence.
    #[must_use]
    pub fn fenced(mut self, fence: Fence, claims: Arc<Claims>) -> Self {
        self.fence = fence;
        self.claims = Some(claims);
        self
    }

    /// A permit to write in a namespace, which is claimed if it is not yet.
    pub async fn permit(&self, namespace: &str) -> Result<Permit<'_>, Refused> {
        if let Some(claims) = &self.claims {
            claims.acquire(namespace).await?;
        }
        let permit = self.fence.permit(namespace);
        permit.map_err(|_| Refused::Unavailable)
    }

    /// A place is not served any more: what was seen in it is forgotten, and another operator may
    /// have it.
    pub async fn leave(&self, place: &Place) {
        self.seen.leave(place);
        self.directory.leave(place);
        if let (Some(claims), Some(namespace)) = (&self.claims, place) {
            claims.release(namespace).await;
        }
    }

    /// A platform or Tenant is gone, by UID.
    pub fn forget(&self, uid: &str) {
        self.memories.forget(uid);
        self.backoff.forget(uid);
    }

    /// The optional kinds that this cluster serves.
    pub fn optional_kinds(&self) -> BTreeSet<Kind> {
        self.optional
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The cluster serves an optional kind, or does no more.
    pub fn set_optional(&self, kind: Kind, served: bool) {
        let mut kinds = self.optional.lock().unwrap_or_else(PoisonError::into_inner);
        if served {
            kinds.insert(kind)
        } else {
            kinds.remove(&kind)
        };
    }
}
