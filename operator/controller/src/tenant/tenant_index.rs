//! Tenants by their platform and by their owner, so that questions about some do not pass over all.

use std::collections::{BTreeMap, BTreeSet};

use super::directory::TenantName;
use crate::seen::PlatformName;

/// A platform, and the email address of an owner.
pub(super) type Owner = (PlatformName, String);

/// Names of Tenants.
#[derive(Default)]
pub(super) struct TenantIndex {
    /// By platform, then by the owner's address.
    by_platform: BTreeMap<PlatformName, BTreeMap<String, BTreeSet<TenantName>>>,
}

impl TenantIndex {
    /// A Tenant has another owner now, or none.
    pub(super) fn replace(
        &mut self,
        tenant: &TenantName,
        before: Option<Owner>,
        now: Option<Owner>,
    ) {
        if before == now {
            return;
        }
        if let Some((platform, email)) = before {
            self.remove(tenant, &platform, &email);
        }
        if let Some((platform, email)) = now {
            let owners = self.by_platform.entry(platform).or_default();
            owners.entry(email).or_default().insert(tenant.clone());
        }
    }

    /// The Tenants that name a platform.
    pub(super) fn of_platform<'a>(
        &'a self,
        platform: &PlatformName,
    ) -> impl Iterator<Item = &'a TenantName> + use<'a> {
        let owners = self.by_platform.get(platform);
        owners.into_iter().flat_map(BTreeMap::values).flatten()
    }

    /// The Tenants of a platform that name the same owner.
    pub(super) fn of_owner<'a>(
        &'a self,
        platform: &PlatformName,
        email: &str,
    ) -> impl Iterator<Item = &'a TenantName> + use<'a> {
        let owners = self.by_platform.get(platform);
        owners
            .and_then(|owners| owners.get(email))
            .into_iter()
            .flatten()
    }

    /// The platforms that Tenants name.
    pub(super) fn platforms(&self) -> impl Iterator<Item = &PlatformName> {
        self.by_platform.keys()
    }

    fn remove(&mut self, tenant: &TenantName, platform: &PlatformName, email: &str) {
        let Some(owners) = self.by_platform.get_mut(platform) else {
            return;
        };
        if let Some(names) = owners.get_mut(email) {
            names.remove(tenant);
            if names.is_empty() {
                owners.remove(email);
            }
        }
        if owners.is_empty() {
            self.by_platform.remove(platform);
        }
    }
}
