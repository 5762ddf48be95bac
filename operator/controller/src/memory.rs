//! What the operator remembers of a platform between two looks. Losing it costs reads, no more.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use operator_core::api::status::OperatorStatus;
use operator_core::object::ObjectKey;
use operator_core::observed::SecretFacts;
use serde_json::Value;

use crate::seen::Version;

/// The memories of all platforms, by UID: a platform made anew starts with none.
#[derive(Default)]
pub struct Memories(Mutex<HashMap<String, Memory>>);

/// The memory of one platform.
#[derive(Default, Clone)]
pub struct Memory {
    /// The version in which an object was last known to be as planned, and the hash of that plan.
    pub applied: BTreeMap<ObjectKey, Applied>,
    /// Hashes of a Secret's values, with the version that they were read from.
    pub secrets: BTreeMap<String, SecretRead>,
    /// Whether this process has signed the status.
    pub signed: bool,
    /// Another operator that signed meanwhile, and when that was noticed.
    pub rival: Option<(OperatorStatus, Instant)>,
    /// The hash of the plan in the status, which the watches do not keep.
    pub pending_plan: Option<u64>,
    /// The models Job whose report was read, and the report if it had one.
    pub models_report: Option<(ObjectKey, Option<String>)>,
    /// Jobs of backups that have ended, by UID, with what their pods said if they said anything.
    pub backup_reports: BTreeMap<String, Option<String>>,
}

/// An object that is as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The version that was applied, or read and found equal.
    pub version: Version,
    /// The hash of the body.
    pub hash: String,
    /// What it is judged by, of kinds whose state matters and once it was read.
    pub state: Option<Value>,
    /// In which values the API server's answer to the apply differed from it, by path.
    pub accepted: BTreeMap<String, Value>,
    /// What others added to its lists, by path, when it was last read.
    pub tolerated: Vec<String>,
}

/// A Secret, hashed.
#[derive(Clone)]
pub struct SecretRead {
    /// The version of the Secret.
    pub version: Version,
    /// The version of the Secret that holds the key of the hashes.
    pub key_version: Version,
    /// The hashes.
    pub facts: SecretFacts,
}

impl Memories {
    /// A copy of what is remembered of a platform.
    pub fn of(&self, uid: &str) -> Memory {
        self.all().get(uid).cloned().unwrap_or_default()
    }

    /// Changes what is remembered of a platform.
    pub fn change(&self, uid: &str, change: impl FnOnce(&mut Memory)) {
        change(self.all().entry(uid.to_owned()).or_default());
    }

    /// The platform is gone.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    /// The platforms that are remembered.
    pub fn platforms(&self) -> Vec<String> {
        self.all().keys().cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
