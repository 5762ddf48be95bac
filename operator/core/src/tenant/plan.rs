//! What has to be done for a Tenant, in order. Total and deterministic.

use kube::ResourceExt as _;

use super::facts::{Facts, OwnerSecret, PlatformFact};
use super::wire::Wish;
use super::wish::{of_plan, wish};
use super::{FINALIZER, goodbye, owner_secret};
use crate::api::Tenant;
use crate::api::quantity::Quantity;
use crate::api::tenants::{Quotas, Tenants};
use crate::reason::Reason;

/// One thing to do. Each may be repeated without harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Before anything exists that would have to be cleared away.
    AddFinalizer,
    /// Make the account as wished.
    Provision(Box<Wish>),
    /// Write the owner's invitation, which auth tells, into a Secret.
    CreateOwnerSecret {
        /// Its name.
        name: String,
        /// Where the owner's browser goes.
        public_url: String,
        /// Whom it invites.
        email: String,
    },
    /// Erase the account, which this id confirms, and report what was erased.
    Erase(String),
    /// Let the Tenant go.
    RemoveFinalizer,
}

/// What has to be done for a Tenant, and what is so when it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPlan {
    /// In order.
    pub steps: Vec<Step>,
    /// What the look came to, if every step succeeds.
    pub verdict: Verdict,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// As kstatus has it.
    pub kind: VerdictKind,
    /// Why.
    pub reason: Reason,
    /// What happened, what the operator does next, and what a person can do.
    pub message: String,
}

/// As kstatus has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictKind {
    /// As asked.
    Ready,
    /// On its way, or waiting for something that will come.
    Moving,
    /// A person must change something.
    Stalled,
}

impl Verdict {
    pub(super) fn new(kind: VerdictKind, reason: Reason, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            reason,
            message,
        }
    }
}

/// Plans one look at a Tenant.
pub fn plan(tenant: &Tenant, facts: &Facts) -> TenantPlan {
    if tenant.metadata.deletion_timestamp.is_some() {
        return goodbye::plan(tenant, facts);
    }
    let (public_url, grants) = match &facts.platform {
        PlatformFact::Missing => return waits(platform_missing(tenant)),
        PlatformFact::NotAllowing => return waits(not_allowing(tenant)),
        PlatformFact::NotReady => return waits(not_ready(tenant)),
        PlatformFact::Ready { public_url, grants } => (public_url, grants),
    };
    if let Some(beyond) = beyond_grant(tenant, facts, grants) {
        return waits(beyond);
    }
    if let (Some(rival), None) = (&facts.rival, &facts.account) {
        let here = tenant.namespace().unwrap_or_default();
        let is_own = rival
            .split_once('/')
            .is_some_and(|(space, _)| space == here);
        return waits(if facts.guest && !is_own {
            owner_not_accepted()
        } else {
            owner_taken(&format!("the older Tenant {rival}"))
        });
    }
    let mut wish = wish(tenant, grants, false);
    let mut steps = Vec::new();
    if !has_finalizer(tenant) {
        steps.push(Step::AddFinalizer);
    }
    let accepted = facts.account.as_ref().is_some_and(|one| one.owner_accepted);
    let secret_wanted = !accepted && facts.owner_secret == OwnerSecret::Absent;
    let settled = facts
        .account
        .as_ref()
        .is_some_and(|account| account.observed.is(&wish));
    wish.invite = secret_wanted;
    let (suspended, email) = (wish.suspended, wish.owner.email.clone());
    if !settled || secret_wanted {
        steps.push(Step::Provision(Box::new(wish)));
    }
    if secret_wanted {
        steps.push(Step::CreateOwnerSecret {
            name: owner_secret(&tenant.name_any()),
            public_url: public_url.clone(),
            email,
        });
    }
    let verdict = if !accepted && facts.owner_secret == OwnerSecret::Foreign {
        foreign_secret(tenant)
    } else if suspended {
        shut()
    } else {
        provisioned(accepted)
    };
    TenantPlan { steps, verdict }
}

pub(super) fn waits(verdict: Verdict) -> TenantPlan {
    TenantPlan {
        steps: Vec::new(),
        verdict,
    }
}

pub(super) fn has_finalizer(tenant: &Tenant) -> bool {
    tenant.finalizers().iter().any(|name| name == FINALIZER)
}

fn provisioned(accepted: bool) -> Verdict {
    let message = if accepted {
        "The account matches the spec."
    } else {
        "The account matches the spec. Its owner has not accepted the invitation yet, which is in \
         the Secret that status.ownerSecretRef names. Delete that Secret to have it written again."
    };
    Verdict::new(VerdictKind::Ready, Reason::Reconciled, message)
}

fn shut() -> Verdict {
    Verdict::new(
        VerdictKind::Ready,
        Reason::TenantSuspended,
        "The account is suspended: nobody can sign in, the widget does not answer, and all data is \
         kept. Set spec.suspend to false to reactivate it.",
    )
}

fn platform_missing(tenant: &Tenant) -> Verdict {
    let name = &tenant.spec.platform_ref.name;
    Verdict::new(
        VerdictKind::Stalled,
        Reason::PlatformNotFound,
        format!(
            "There is no CreatorPlatform {name} in this namespace. Create that CreatorPlatform, or \
             create the Tenant with another platformRef."
        ),
    )
}

fn not_allowing(tenant: &Tenant) -> Verdict {
    let platform = &tenant.spec.platform_ref;
    let (name, home) = (
        &platform.name,
        platform.namespace.as_deref().unwrap_or_default(),
    );
    let here = tenant.namespace().unwrap_or_default();
    Verdict::new(
        VerdictKind::Stalled,
        Reason::NamespaceNotAllowed,
        format!(
            "CreatorPlatform {home}/{name} does not exist, or does not accept Tenants from this \
             namespace. Ask its administrator to add {here} to spec.tenants.allowedNamespaces."
        ),
    )
}

pub(super) fn not_ready(tenant: &Tenant) -> Verdict {
    let name = &tenant.spec.platform_ref.name;
    Verdict::new(
        VerdictKind::Moving,
        Reason::PlatformNotReady,
        format!(
            "CreatorPlatform {name} is not ready; see its conditions. The operator continues when \
             it is."
        ),
    )
}

/// What a guest asks for beyond what the platform allows to guests.
fn beyond_grant(tenant: &Tenant, facts: &Facts, grants: &Tenants) -> Option<Verdict> {
    if !facts.guest {
        return None;
    }
    let highest = grants.highest_plan.unwrap_or(grants.default_plan);
    let plan = tenant.spec.plan.unwrap_or(grants.default_plan);
    let quotas = tenant.spec.quotas.as_ref();
    let what = if plan > highest {
        format!("the plan {}", plan.name())
    } else {
        let quota = quotas.and_then(|own| exceeded(own, of_plan(grants, highest)))?;
        format!("more {quota} than the plan {} has", highest.name())
    };
    Some(Verdict::new(
        VerdictKind::Stalled,
        Reason::PlanNotAllowed,
        format!(
            "CreatorPlatform {} does not allow {what} to Tenants of this namespace. Ask for less, \
             or ask its administrator to raise spec.tenants.highestPlan. An account that exists is \
             left as it is.",
            tenant.spec.platform_ref.name
        ),
    ))
}

/// The first quota that is higher than allowed. One that is not set is that of the plan.
fn exceeded(own: &Quotas, most: &Quotas) -> Option<&'static str> {
    let above =
        |own: Option<i64>, most: Option<i64>| own.zip(most).is_some_and(|(own, most)| own > most);
    let bytes = |quotas: &Quotas| quotas.storage.as_ref().map(Quantity::units);
    let count = |number: Option<i32>| number.map(i64::from);
    [
        ("documents", count(own.documents), count(most.documents)),
        ("channels", count(own.channels), count(most.channels)),
        ("members", count(own.members), count(most.members)),
        (
            "messages",
            count(own.messages_per_month),
            count(most.messages_per_month),
        ),
        ("storage", bytes(own), bytes(most)),
    ]
    .into_iter()
    .find_map(|(name, own, most)| above(own, most).then_some(name))
}

/// What a guest learns when the owner's address has an account that is none of its own. The log of
/// the operator has the reason.
pub(super) fn owner_not_accepted() -> Verdict {
    Verdict::new(
        VerdictKind::Stalled,
        Reason::TenantRejected,
        "The platform does not accept this owner. Create a Tenant with another owner, or ask the \
         platform's administrator, who finds the reason in the operator's log.",
    )
}

/// Two Tenants cannot have one owner: an address signs in to one account.
pub(super) fn owner_taken(whose: &str) -> Verdict {
    Verdict::new(
        VerdictKind::Stalled,
        Reason::OwnerEmailInUse,
        format!(
            "The owner's email address is already used by {whose} on this platform, and an address \
             belongs to one account only. Create a Tenant with another owner, or free the address."
        ),
    )
}

fn foreign_secret(tenant: &Tenant) -> Verdict {
    let name = owner_secret(&tenant.name_any());
    Verdict::new(
        VerdictKind::Stalled,
        Reason::NotOwned,
        format!(
            "The account is provisioned, but Secret {name} exists and is not owned by this Tenant, \
             so the owner's invitation cannot be written. Rename or delete that Secret."
        ),
    )
}
