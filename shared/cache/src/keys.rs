//! Every Redis key, tenant first: the braces keep a tenant's keys in one cluster slot.

use std::fmt;

use shared_models::{ChannelId, ConversationId, CreatorId, GenerationId};
use uuid::Uuid;

/// A key or channel of Redis.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(String);

impl Key {
    /// A rate limit on a subject known before the tenant is: an address, the hash of an email.
    pub fn limit(name: &str, subject: &str) -> Self {
        Self(format!("{{{subject}}}:limit:{name}"))
    }

    /// A rate limit of a tenant.
    pub fn tenant_limit(creator: CreatorId, name: &str) -> Self {
        Self(format!("{{{creator}}}:limit:{name}"))
    }

    /// A rate limit of one caller of a tenant.
    pub fn caller_limit(creator: CreatorId, name: &str, caller: Uuid) -> Self {
        Self(format!("{{{creator}}}:limit:{name}:{caller}"))
    }

    /// Held while an account downloads an export of its data: one download at a time.
    pub fn export_download(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:export-download"))
    }

    /// When a subject was revoked; kept for the lifetime of an access token.
    pub fn revoked(kind: &str, id: Uuid) -> Self {
        Self(format!("{{{id}}}:revoked:{kind}"))
    }

    /// The version of what [`Key::revoked`] has: an older message does not overwrite it.
    pub fn revocation_version(kind: &str, id: Uuid) -> Self {
        Self(format!("{{{id}}}:revoked:{kind}:version"))
    }

    /// The number under which Redis has all live revocations; missing when it may not.
    pub fn revocation_epoch() -> Self {
        Self("revocations:epoch".to_owned())
    }

    /// The newest version of a revocation that was written.
    pub fn newest_revocation() -> Self {
        Self("revocations:newest".to_owned())
    }

    /// Held while all live revocations are written again.
    pub fn revocation_refill() -> Self {
        Self("revocations:refill".to_owned())
    }

    /// The pattern that matches all keys of a tenant.
    pub(crate) fn all_of(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:*"))
    }

    /// Whether a key of Redis is one of [`Key::revoked`] or its version.
    pub(crate) fn is_revocation(full: &str) -> bool {
        full.contains("}:revoked:")
    }

    /// The channel that announces revocations to every service.
    pub fn revocations() -> Self {
        Self("revocations".to_owned())
    }

    /// The channel that announces a new signing key to auth's replicas.
    pub fn signing_keys() -> Self {
        Self("signing-keys".to_owned())
    }

    /// The channel that wakes the workers of a queue.
    pub fn queue_wake(queue: &str) -> Self {
        Self(format!("wake:{queue}"))
    }

    /// The channel that wakes subscriptions to events; a message names the type of the event.
    pub fn event_wake() -> Self {
        Self("wake:events".to_owned())
    }

    /// The channel of a tenant's job progress.
    pub fn job_events(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:jobs"))
    }

    /// The channel of a conversation's events, for the sockets that display it.
    pub fn conversation_events(creator: CreatorId, conversation: ConversationId) -> Self {
        Self(format!("{{{creator}}}:conversation:{conversation}"))
    }

    /// An answer that is being generated, and whether it was cancelled.
    pub fn running_answer(creator: CreatorId, generation: GenerationId) -> Self {
        Self(format!("{{{creator}}}:answer:{generation}"))
    }

    /// The events of an answer that can be resumed.
    pub fn answer_events(creator: CreatorId, generation: GenerationId) -> Self {
        Self(format!("{{{creator}}}:answer-events:{generation}"))
    }

    /// A copy of what the platform allows to an account, written by auth.
    pub fn account_settings(creator: CreatorId) -> Self {
        Self(format!("{{{creator}}}:account-settings"))
    }

    /// A copy of a widget's row, which every request of a visitor reads.
    pub fn widget(channel: ChannelId) -> Self {
        Self(format!("{{{channel}}}:widget"))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
