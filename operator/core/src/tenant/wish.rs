//! From a spec to what is asked of auth: the platform's defaults, and one way to write each value.

use kube::ResourceExt as _;

use super::wire::{Owner, Quotas, Wish};
use crate::api::Tenant;
use crate::api::tenant::TenantSpec;
use crate::api::tenants::{self, Plan, Tenants};

/// What the account of a Tenant shall be. Text is trimmed and lists are sorted, as auth keeps
/// them: a difference in form only would be repaired for ever.
pub(super) fn wish(tenant: &Tenant, grants: &Tenants, suspended: bool) -> Wish {
    let TenantSpec {
        platform_ref: _,
        display_name,
        owner,
        plan,
        quotas,
        allowed_origins,
        suspend,
        deletion_policy: _,
        confirm_deletion: _,
    } = &tenant.spec;
    let plan = plan.unwrap_or(grants.default_plan);
    let mut origins: Vec<String> = allowed_origins
        .iter()
        .map(|origin| origin.trim().to_owned())
        .collect();
    origins.sort();
    origins.dedup();
    Wish {
        resource: format!(
            "{}/{}",
            tenant.namespace().unwrap_or_default(),
            tenant.name_any()
        ),
        display_name: display_name.trim().to_owned(),
        owner: Owner {
            email: owner.email.trim().to_lowercase(),
            full_name: owner.full_name.trim().to_owned(),
        },
        plan,
        quotas: merged(quotas.as_ref(), of_plan(grants, plan)),
        allowed_origins: origins,
        suspended: *suspend || suspended,
        invite: false,
    }
}

/// The quotas of accounts that no Tenant describes.
pub(crate) fn default_quotas(grants: &Tenants) -> Quotas {
    merged(None, of_plan(grants, grants.default_plan))
}

pub(super) const fn of_plan(grants: &Tenants, plan: Plan) -> &tenants::Quotas {
    match plan {
        Plan::Free => &grants.plans.free,
        Plan::Pro => &grants.plans.pro,
        Plan::Enterprise => &grants.plans.enterprise,
    }
}

/// The Tenant's own word wins, quota by quota.
fn merged(own: Option<&tenants::Quotas>, plan: &tenants::Quotas) -> Quotas {
    let own = own.cloned().unwrap_or_default();
    let storage = own.storage.as_ref().or(plan.storage.as_ref());
    Quotas {
        documents: own.documents.or(plan.documents),
        channels: own.channels.or(plan.channels),
        members: own.members.or(plan.members),
        messages_per_month: own.messages_per_month.or(plan.messages_per_month),
        storage_bytes: storage.map(crate::api::quantity::Quantity::units),
    }
}
