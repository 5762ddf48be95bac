//! What every look at a platform needs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use kube::Client;
use kube::runtime::events::{Recorder, Reporter};
use operator_core::object::Kind;
use operator_core::plan::FIELD_MANAGER;

use crate::backoff::Backoff;
use crate::memory::Memories;
use crate::seen::Seen;

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
    /// Where events go.
    pub recorder: Recorder,
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
            recorder: Recorder::new(client.clone(), reporter),
            optional: Mutex::default(),
            client,
        }
    }

    /// A platform is gone, by UID.
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
