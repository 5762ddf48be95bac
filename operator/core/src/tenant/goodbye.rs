//! What has to be done for a Tenant that is being deleted: retained data is closed, confirmed data
//! is erased, and only then the Tenant goes. It never holds up a namespace that is being deleted.

use kube::ResourceExt as _;

use super::ABANDON_ANNOTATION;
use super::facts::{Facts, PlatformFact};
use super::plan::{Step, TenantPlan, Verdict, VerdictKind, has_finalizer, not_ready, waits};
use super::wire::Account;
use super::wish::wish;
use crate::api::Tenant;
use crate::api::tenant::DeletionPolicy;
use crate::api::tenants::Tenants;
use crate::reason::Reason;

/// What is said of a Tenant whose platform is gone, or does not let it in.
const OUT_OF_REACH: &str = "The platform does not exist or does not accept Tenants from this \
     namespace; the account is left as it is.";

/// Plans one look at a Tenant that is being deleted.
pub(super) fn plan(tenant: &Tenant, facts: &Facts) -> TenantPlan {
    if !has_finalizer(tenant) {
        return waits(gone(
            "The operator removed its finalizer; the object remains until its other finalizers are \
             removed.",
        ));
    }
    let abandoned = tenant.annotations().get(ABANDON_ANNOTATION);
    if abandoned.is_some_and(|value| value == "true") {
        return let_go("Abandoned by annotation: the account and its data are left as they are.");
    }
    if facts.namespace_ends && !facts.guest {
        return let_go(
            "The namespace is being deleted, and the platform with it. Data that the platform has \
             outside of the namespace is left as it is.",
        );
    }
    match &facts.platform {
        PlatformFact::Ready { grants, .. } => served(tenant, facts, grants),
        PlatformFact::NotReady | PlatformFact::Missing | PlatformFact::NotAllowing => {
            not_served(tenant, facts)
        }
    }
}

fn retains(tenant: &Tenant) -> bool {
    tenant.spec.deletion_policy == DeletionPolicy::Retain
}

/// The id of the account that was made for the Tenant.
fn made(tenant: &Tenant) -> Option<&String> {
    let status = tenant.status.as_ref()?;
    status.creator_id.as_ref()
}

/// Auth cannot be asked.
fn not_served(tenant: &Tenant, facts: &Facts) -> TenantPlan {
    let comes_back = facts.platform == PlatformFact::NotReady;
    if comes_back && !facts.withdrawn {
        return waits(not_ready(tenant));
    }
    // Who was never let in learns nothing, and has nothing to wait for.
    if comes_back && made(tenant).is_some() {
        return waits(not_ready(tenant));
    }
    // Nothing serves the account there, so there is nothing to shut. What should be erased is
    // waited for, but not by a namespace in which nothing can be decided any more.
    if comes_back || facts.namespace_ends || retains(tenant) || made(tenant).is_none() {
        return let_go(OUT_OF_REACH);
    }
    waits(stuck())
}

/// Auth can be asked.
fn served(tenant: &Tenant, facts: &Facts, grants: &Tenants) -> TenantPlan {
    let retain = retains(tenant);
    let status = tenant.status.as_ref();
    let erasure = status.and_then(|one| one.erasure.as_ref());
    match (erasure.map(|one| one.state.as_str()), made(tenant)) {
        (Some("finished"), _) => return let_go("All data of the account was erased."),
        // Auth tells how far it is also when the account itself is gone.
        (Some(_), Some(id)) if !retain => return erase(tenant, id),
        _ => {}
    }
    let confirmed = |id: &str| tenant.spec.confirm_deletion.as_deref() == Some(id);
    match &facts.account {
        None if facts.withdrawn => let_go(OUT_OF_REACH),
        None => let_go("This Tenant has no account."),
        // Nothing is erased without confirmation, and a namespace does not wait for one.
        Some(one) if retain || (facts.namespace_ends && !confirmed(&one.creator_id)) => {
            let mut steps = shutting(tenant, grants, one);
            steps.push(Step::RemoveFinalizer);
            let verdict = gone("The account is suspended and its data is kept.");
            TenantPlan { steps, verdict }
        }
        // It is shut at once, whatever becomes of its data.
        Some(one) if facts.withdrawn && !facts.namespace_ends => TenantPlan {
            steps: shutting(tenant, grants, one),
            verdict: stuck(),
        },
        Some(one) => erase(tenant, &one.creator_id),
    }
}

fn let_go(message: &str) -> TenantPlan {
    TenantPlan {
        steps: vec![Step::RemoveFinalizer],
        verdict: gone(message),
    }
}

/// What is left to do so that an account is suspended.
fn shutting(tenant: &Tenant, grants: &Tenants, account: &Account) -> Vec<Step> {
    let wish = wish(tenant, grants, true);
    if account.observed.is(&wish) {
        Vec::new()
    } else {
        vec![Step::Provision(Box::new(wish))]
    }
}

fn erase(tenant: &Tenant, id: &str) -> TenantPlan {
    if tenant.spec.confirm_deletion.as_deref() != Some(id) {
        return waits(Verdict::new(
            VerdictKind::Stalled,
            Reason::DeletionNotConfirmed,
            format!(
                "deletionPolicy is Delete, but the deletion is not confirmed. Set \
                 spec.confirmDeletion to {id} to erase all data of the account permanently, or set \
                 spec.deletionPolicy to Retain to suspend the account and keep its data."
            ),
        ));
    }
    TenantPlan {
        steps: vec![Step::Erase(id.to_owned())],
        verdict: Verdict::new(
            VerdictKind::Moving,
            Reason::Erasing,
            "All data of the account is being erased; status.erasure shows the progress.",
        ),
    }
}

fn gone(message: &str) -> Verdict {
    Verdict::new(VerdictKind::Moving, Reason::Finalized, message)
}

fn stuck() -> Verdict {
    Verdict::new(
        VerdictKind::Stalled,
        Reason::PlatformNotFound,
        format!(
            "deletionPolicy is Delete, but the platform that stores the data does not exist or \
             does not accept Tenants from this namespace, so nothing can be erased. Restore the \
             platform, or annotate this Tenant with {ABANDON_ANNOTATION}=true: the object is then \
             deleted, and its data, if there is any, is never erased."
        ),
    )
}
