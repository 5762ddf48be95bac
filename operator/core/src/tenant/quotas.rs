//! What an account may use, and whether it has used all of it.

use super::wire::Quotas;
use crate::api::condition::ConditionStatus;
use crate::api::tenant::{Limits, TenantStatus, Usage};
use crate::reason::Reason;
use crate::status::Finding;

/// The condition that says whether an account can add something of every kind.
const WITHIN_QUOTAS: &str = "WithinQuotas";

/// The limits as a status shows them.
pub(super) fn limits(quotas: &Quotas) -> Limits {
    let Quotas {
        documents,
        channels,
        members,
        messages_per_month,
        storage_bytes,
    } = *quotas;
    Limits {
        documents: documents.map(i64::from),
        messages_per_month: messages_per_month.map(i64::from),
        storage_bytes,
        channels: channels.map(i64::from),
        members: members.map(i64::from),
    }
}

/// The condition that follows from the status; none before anything is known of the account. Its
/// message has limits and no usage, which moves all the time.
pub(super) fn within_quotas(status: &TenantStatus) -> Option<Finding> {
    let (usage, limits) = (status.usage?, status.limits?);
    let reached = reached(usage, limits);
    if reached.is_empty() {
        return Some(Finding {
            kind: WITHIN_QUOTAS,
            status: ConditionStatus::True,
            reason: Reason::Reconciled,
            message: String::new(),
        });
    }
    Some(Finding {
        kind: WITHIN_QUOTAS,
        status: ConditionStatus::False,
        reason: Reason::QuotaReached,
        message: format!(
            "The account has used all of its quota of {}, and can add nothing more of it. What is \
             there stays. To allow more, raise spec.quotas or spec.plan.",
            reached.join(", ")
        ),
    })
}

/// The quotas of which everything is used, with their limits. One of zero is a decision and no
/// state that changes.
fn reached(usage: Usage, limits: Limits) -> Vec<String> {
    let Usage {
        documents,
        messages_this_month,
        storage_bytes,
        channels,
        members,
    } = usage;
    [
        ("documents", Some(documents), limits.documents),
        (
            "storage in bytes",
            Some(storage_bytes),
            limits.storage_bytes,
        ),
        ("channels", channels, limits.channels),
        ("members", members, limits.members),
        (
            "messages of this month",
            Some(messages_this_month),
            limits.messages_per_month,
        ),
    ]
    .into_iter()
    .filter_map(|(name, used, limit)| {
        let limit = limit.filter(|limit| *limit > 0 && used >= Some(*limit))?;
        Some(format!("{name} ({limit})"))
    })
    .collect()
}
