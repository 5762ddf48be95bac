//! Who writes the status of a platform: one operator, or two that undo each other's work.

use jiff::Timestamp;

use super::{Finding, dated};
use crate::api::condition::ConditionStatus;
use crate::api::status::{OperatorStatus, PlatformStatus};
use crate::reason::Reason;

/// The type of the condition.
const CONDITION: &str = "SoleOperator";

/// What an operator knows of who else writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The operator itself.
    pub own: OperatorStatus,
    /// Whether this process has signed a status of the platform before.
    pub held: bool,
    /// Another one that was met a while ago.
    pub rival: Option<OperatorStatus>,
}

impl Claim {
    /// Another operator that has signed since this process did. Without that, the other may be a
    /// predecessor that is gone.
    pub fn rival_in(&self, present: Option<&PlatformStatus>) -> Option<OperatorStatus> {
        let signed = present?.operator.as_ref()?;
        (self.held && *signed != self.own).then(|| signed.clone())
    }
}

/// Signs a status that is about to replace `present`, and says so if another operator does, too.
pub fn sign(
    status: &mut PlatformStatus,
    present: Option<&PlatformStatus>,
    claim: &Claim,
    now: Timestamp,
) {
    status.operator = Some(claim.own.clone());
    status.conditions.retain(|one| one.kind != CONDITION);
    let rival = claim.rival_in(present).or_else(|| claim.rival.clone());
    let Some(rival) = rival else {
        return;
    };
    let message = format!(
        "The operators {} (version {}) and {} (version {}) both manage this platform, and each \
         overwrites what the other applies. Let only one of them watch this namespace.",
        claim.own.name, claim.own.version, rival.name, rival.version
    );
    let finding = Finding {
        kind: CONDITION,
        status: ConditionStatus::False,
        reason: Reason::SecondOperator,
        message,
    };
    let known = present.map_or(&[][..], |present| &present.conditions);
    let generation = status.observed_generation.unwrap_or_default();
    status
        .conditions
        .extend(dated(known, vec![finding], generation, now));
}
