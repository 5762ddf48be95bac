//! All reads of one look at a Tenant.

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::ResourceExt as _;
use kube::api::Api;
use operator_core::api::Tenant;
use operator_core::tenant::{Facts, OwnerSecret, PlatformFact, owner_secret};

use super::directory::platform_name;
use crate::context::Context;
use crate::error::Error;
use crate::observe::Subject;

/// Reads what a decision about the Tenant needs.
pub(super) async fn observe(
    context: &Context,
    tenant: &Tenant,
    subject: &Subject,
) -> Result<Facts, Error> {
    let platform = context.directory.platform_of(tenant);
    let name = platform_name(tenant);
    let mut facts = Facts {
        guest: name.namespace != subject.name.namespace,
        rival: context.directory.rival_of(tenant),
        platform,
        withdrawn: false,
        namespace_ends: false,
        account: None,
        owner_secret: OwnerSecret::Absent,
    };
    if tenant.metadata.deletion_timestamp.is_some() {
        facts.namespace_ends = namespace_ends(context, &subject.name.namespace).await;
        if facts.namespace_ends && !facts.guest {
            return Ok(facts);
        }
        // Its account is shut all the same.
        if let Some(platform) = context.directory.refusing(tenant) {
            facts.platform = platform;
            facts.withdrawn = true;
        }
    }
    if !matches!(facts.platform, PlatformFact::Ready { .. }) {
        return Ok(facts);
    }
    let (client, auth) = (&context.client, &context.auth);
    facts.account = if tenant.metadata.deletion_timestamp.is_some() {
        // What is destroyed or let go is looked at itself: an answer that was lost may have made
        // an account that no census has.
        auth.get(client, &name, &subject.uid).await?
    } else {
        let ask = (client, auth, &*context.directory);
        let lifetime = context.pace.census;
        let census = context.census.account(ask, &name, &subject.uid, lifetime);
        census.await?
    };
    let accepted = facts.account.as_ref().is_some_and(|one| one.owner_accepted);
    if !accepted && tenant.metadata.deletion_timestamp.is_none() {
        facts.owner_secret = look_for_secret(context, subject).await?;
    }
    Ok(facts)
}

/// Whether a namespace is being deleted. The right to ask goes with the namespace; without an
/// answer the Tenant is treated as one of a namespace that stays.
async fn namespace_ends(context: &Context, name: &str) -> bool {
    let namespaces: Api<Namespace> = Api::all(context.client.clone());
    match namespaces.get_metadata_opt(name).await {
        Ok(Some(found)) => found.metadata.deletion_timestamp.is_some(),
        Ok(None) => true,
        Err(error) => {
            tracing::warn!(namespace = name, %error, "a namespace could not be read");
            false
        }
    }
}

async fn look_for_secret(context: &Context, subject: &Subject) -> Result<OwnerSecret, Error> {
    let secrets: Api<Secret> = Api::namespaced(context.client.clone(), &subject.name.namespace);
    let name = owner_secret(&subject.name.name);
    let found = secrets.get_metadata_opt(&name).await;
    let found = found.map_err(|source| Error::Read {
        what: format!("Secret {name}"),
        source,
    })?;
    Ok(match found {
        None => OwnerSecret::Absent,
        Some(secret) => {
            let mut owners = secret.owner_references().iter();
            if owners.any(|owner| owner.uid == subject.uid) {
                OwnerSecret::Ours
            } else {
                OwnerSecret::Foreign
            }
        }
    })
}
