//! What has to be done for a Tenant, in order. Total and deterministic.

use kube::ResourceExt as _;

use super::facts::{Facts, OwnerSecret, PlatformFact};
use super::wire::Wish;
use super::wish::wish;
use super::{ABANDON_ANNOTATION, FINALIZER, owner_secret};
use crate::api::Tenant;
use crate::api::tenant::DeletionPolicy;
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
    fn new(kind: VerdictKind, reason: Reason, message: impl Into<String>) -> Self {
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
        return goodbye(tenant, facts);
    }
    let (public_url, grants) = match &facts.platform {
        PlatformFact::Missing => return waits(platform_missing(tenant)),
        PlatformFact::NotAllowing => return waits(not_allowing(tenant)),
        PlatformFact::NotReady => return waits(not_ready(tenant)),
        PlatformFact::Ready { public_url, grants } => (public_url, grants),
    };
    if let (Some(rival), None) = (&facts.rival, &facts.account) {
        return waits(owner_taken(&format!("the Tenant {rival}, which is older,")));
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

fn waits(verdict: Verdict) -> TenantPlan {
    TenantPlan {
        steps: Vec::new(),
        verdict,
    }
}

fn has_finalizer(tenant: &Tenant) -> bool {
    tenant.finalizers().iter().any(|name| name == FINALIZER)
}

/// Retained data is shut away, confirmed data is erased, and only then the Tenant goes.
fn goodbye(tenant: &Tenant, facts: &Facts) -> TenantPlan {
    if !has_finalizer(tenant) {
        return waits(gone("Another finalizer keeps the object; ours is removed."));
    }
    let let_go = |message: &str| TenantPlan {
        steps: vec![Step::RemoveFinalizer],
        verdict: gone(message),
    };
    let abandoned = tenant.annotations().get(ABANDON_ANNOTATION);
    if abandoned.is_some_and(|value| value == "true") {
        return let_go("Abandoned: the account and its data stay wherever they are.");
    }
    let retain = tenant.spec.deletion_policy == DeletionPolicy::Retain;
    let made = tenant
        .status
        .as_ref()
        .and_then(|one| one.creator_id.as_ref());
    let grants = match &facts.platform {
        PlatformFact::Ready { grants, .. } => grants,
        PlatformFact::NotReady => return waits(not_ready(tenant)),
        // Nobody serves the account there, so there is nothing to shut.
        PlatformFact::Missing | PlatformFact::NotAllowing if retain || made.is_none() => {
            return let_go("The platform cannot be asked: the account stays as it is.");
        }
        PlatformFact::Missing | PlatformFact::NotAllowing => return waits(stuck()),
    };
    let erasure = tenant.status.as_ref().and_then(|one| one.erasure.as_ref());
    match (erasure.map(|one| one.state.as_str()), made) {
        (Some("finished"), _) => return let_go("Everything of the account was erased."),
        // Auth tells how far it is also when the account itself is gone.
        (Some(_), Some(id)) if !retain => return erase(tenant, id),
        _ => {}
    }
    match &facts.account {
        None => let_go("There is no account of this Tenant."),
        Some(account) if retain => {
            let wish = wish(tenant, grants, true);
            let mut steps = Vec::new();
            if !account.observed.is(&wish) {
                steps.push(Step::Provision(Box::new(wish)));
            }
            steps.push(Step::RemoveFinalizer);
            let verdict = gone("The account is suspended and its data stays.");
            TenantPlan { steps, verdict }
        }
        Some(account) => erase(tenant, &account.creator_id),
    }
}

fn erase(tenant: &Tenant, id: &str) -> TenantPlan {
    if tenant.spec.confirm_deletion.as_deref() != Some(id) {
        return waits(Verdict::new(
            VerdictKind::Stalled,
            Reason::ConfirmationMissing,
            format!(
                "deletionPolicy is Delete, and nothing is erased before spec.confirmDeletion is \
                 {id}. Set it to erase everything of the account for good, or set deletionPolicy \
                 to Retain to keep the data and suspend the account."
            ),
        ));
    }
    TenantPlan {
        steps: vec![Step::Erase(id.to_owned())],
        verdict: Verdict::new(
            VerdictKind::Moving,
            Reason::Erasing,
            "Everything of the account is being erased; status.erasure reports it.",
        ),
    }
}

fn gone(message: &str) -> Verdict {
    Verdict::new(VerdictKind::Moving, Reason::Released, message)
}

fn provisioned(accepted: bool) -> Verdict {
    let message = if accepted {
        "The account is as the spec asks."
    } else {
        "The account is as the spec asks. Its owner comes in by the invitation in the Secret that \
         status.ownerSecretRef names; delete that Secret for a new invitation."
    };
    Verdict::new(VerdictKind::Ready, Reason::AsDesired, message)
}

fn shut() -> Verdict {
    Verdict::new(
        VerdictKind::Ready,
        Reason::TenantSuspended,
        "The account is shut as the spec asks: nobody signs in, nothing is answered, all data \
         stays. Set spec.suspend to false to open it.",
    )
}

fn platform_missing(tenant: &Tenant) -> Verdict {
    let name = &tenant.spec.platform_ref.name;
    Verdict::new(
        VerdictKind::Stalled,
        Reason::PlatformMissing,
        format!(
            "There is no CreatorPlatform {name} in this namespace. The Tenant is taken in when it \
             is made; else make a Tenant that names another one."
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
        Reason::ConsentMissing,
        format!(
            "The platform {home}/{name} takes no Tenants of this namespace, or does not exist. Ask \
             whoever runs it to add {here} to its spec.tenants.allowedNamespaces."
        ),
    )
}

fn not_ready(tenant: &Tenant) -> Verdict {
    let name = &tenant.spec.platform_ref.name;
    Verdict::new(
        VerdictKind::Moving,
        Reason::PlatformNotReady,
        format!(
            "The platform {name} is not ready; see its conditions. The operator goes on when it \
             is."
        ),
    )
}

/// Two Tenants cannot have one owner: an address signs in to one account.
pub(super) fn owner_taken(whose: &str) -> Verdict {
    Verdict::new(
        VerdictKind::Stalled,
        Reason::OwnerTaken,
        format!(
            "The address of the owner belongs to {whose} on this platform, and an address signs \
             in to one account. Make a Tenant with another owner, or free the address."
        ),
    )
}

fn foreign_secret(tenant: &Tenant) -> Verdict {
    let name = owner_secret(&tenant.name_any());
    Verdict::new(
        VerdictKind::Stalled,
        Reason::ObjectNotOurs,
        format!(
            "The account is provisioned, but Secret {name} exists and is not ours, so the owner's \
             invitation cannot be written. Rename or delete that Secret."
        ),
    )
}

fn stuck() -> Verdict {
    Verdict::new(
        VerdictKind::Stalled,
        Reason::PlatformMissing,
        format!(
            "deletionPolicy is Delete, and the platform that holds the data cannot be asked to \
             erase it. Bring it back, or annotate this Tenant with {ABANDON_ANNOTATION}=true: then \
             the object goes, and whatever data there is stays for ever."
        ),
    )
}
