//! Status and events of a Tenant, written only where they say something new.

use jiff::Timestamp;
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use operator_core::api::Tenant;
use operator_core::api::tenant::TenantStatus;
use operator_core::plan::STATUS_FIELD_MANAGER;
use operator_core::tenant::{Outcome, status};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::fence::Permit;
use crate::observe::Subject;
use crate::report::announce;

/// Writes the status that follows from `outcome`, if it differs from the present one, which is
/// read when, and only when, there seems to be a difference.
pub(super) async fn report<K>(
    context: &Context,
    permit: &Permit<'_>,
    tenant: &K,
    previous: Option<&TenantStatus>,
    outcome: &Outcome<'_>,
) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + ResourceExt,
{
    let subject = Subject::of(tenant)?;
    let (now, name) = (Timestamp::now(), &subject.name.name);
    if previous == Some(&status(name, previous, subject.generation, outcome, now)) {
        return Ok(());
    }
    let api: Api<Tenant> = Api::namespaced(context.client.clone(), &subject.name.namespace);
    let present = match api.get_opt(name).await {
        Ok(found) => found.and_then(|tenant| tenant.status),
        Err(kube::Error::SerdeError(_)) => None,
        Err(source) => {
            let what = "the current status".to_owned();
            return Err(Error::Read { what, source });
        }
    };
    let next = status(name, present.as_ref(), subject.generation, outcome, now);
    if present.as_ref() == Some(&next) {
        return Ok(());
    }
    write(permit, &api, &subject, &next).await?;
    let known = present
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    announce(context, &tenant.object_ref(&()), known, &next.conditions).await;
    Ok(())
}

/// The UID keeps this status off a Tenant that was made anew under the same name.
async fn write(
    _permit: &Permit<'_>,
    api: &Api<Tenant>,
    subject: &Subject,
    status: &TenantStatus,
) -> Result<(), Error> {
    let body = json!({
        "apiVersion": Tenant::api_version(&()),
        "kind": Tenant::kind(&()),
        "metadata": {"name": subject.name.name, "uid": subject.uid},
        "status": status,
    });
    let params = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    let written = api
        .patch_status(&subject.name.name, &params, &Patch::Apply(body))
        .await;
    match written {
        Ok(_) | Err(kube::Error::SerdeError(_)) => Ok(()),
        Err(error) => Err(Error::Status(error)),
    }
}
