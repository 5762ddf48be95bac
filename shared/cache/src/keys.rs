//! Every key shape of the platform, tenant first: the braces keep a tenant in one cluster slot.

use std::fmt;

use shared_models::{ChannelId, ConversationId, CreatorId};
use uuid::Uuid;

/// A key or channel of Redis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// A limit on a subject that is known before any tenant is: an address, a hash of an e-mail.
    pub fn limit(name: &str, subject: &str) -> Self {
        Self(format!("{{{subject}}}:limit:{name}"))
    }

    /// A limit on a tenant.
    pub fn tenant_limit(creator: CreatorId, name: &str) -> Self {
        Self(format!("{{{creator}}}:limit:{name}"))
    }

    /// A limit on one caller of a tenant.
    pub fn caller_limit(creator: CreatorId, name: &str, caller: Uuid) -> Self {
        Self(format!("{{{creator}}}:limit:{name}:{caller}"))
    }

    /// Held while an account downloads a copy of its data: one download at a time.
    pub fn export_download(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:export-download"))
    }

    /// The vector of a query text. The hash covers the text; the model is in the name, since the
    /// same text has another vector there.
    pub fn query_vector(creator: CreatorId, model: &str, hash: &str) -> Self {
        Self(format!("{{{creator}}}:vector:{model}:{hash}"))
    }

    /// When something was revoked, kept as long as an access token lives.
    pub fn revoked(kind: &str, id: Uuid) -> Self {
        Self(format!("{{{id}}}:revoked:{kind}"))
    }

    /// The pattern of every key of a tenant.
    pub(crate) fn all_of(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:*"))
    }

    /// Whether a key of Redis is one of [`Key::revoked`].
    pub(crate) fn is_revocation(full: &str) -> bool {
        full.contains("}:revoked:")
    }

    /// Tells every service of a revocation.
    pub fn revocations() -> Self {
        Self("revocations".to_owned())
    }

    /// Tells every replica of auth of a new signing key.
    pub fn signing_keys() -> Self {
        Self("signing-keys".to_owned())
    }

    /// Wakes the workers of a queue.
    pub fn queue_wake(queue: &str) -> Self {
        Self(format!("wake:{queue}"))
    }

    /// Tells of a job's progress.
    pub fn job_events(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:jobs"))
    }

    /// What happens in a conversation, for the sockets that show it.
    pub fn conversation_events(creator: CreatorId, conversation: ConversationId) -> Self {
        Self(format!("{{{creator}}}:conversation:{conversation}"))
    }

    /// The settings of a widget, which every session asks for.
    pub fn widget(channel: ChannelId) -> Self {
        Self(format!("{{{channel}}}:widget"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
