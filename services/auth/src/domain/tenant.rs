//! What a Tenant resource says about an account, and what the account uses.

use serde::Deserialize;
use shared_models::Email;
use shared_models::text::SingleLine;
use shared_quota::Quotas;

use super::full_name::FullName;

const MAX_ORIGINS: usize = 50;

/// The account that a Tenant resource describes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DesiredTenant {
    /// Namespace and name of the resource; users who try to change a managed setting see it.
    pub(crate) resource: SingleLine<400>,
    pub(crate) display_name: SingleLine<200>,
    pub(crate) owner: DesiredOwner,
    pub(crate) plan: PricingPlan,
    #[serde(default)]
    pub(crate) quotas: Quotas,
    #[serde(default)]
    pub(crate) allowed_origins: AllowedOrigins,
    #[serde(default)]
    pub(crate) suspended: bool,
    /// Whether the response carries the owner's invitation. An expired invitation is replaced; an
    /// owner who has accepted is not invited again.
    #[serde(default)]
    pub(crate) invite: bool,
}

/// The owner of a new account. Ignored once the account exists: from then on its members manage
/// themselves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DesiredOwner {
    pub(crate) email: Email,
    pub(crate) full_name: FullName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PricingPlan {
    Free,
    Pro,
    Enterprise,
}

impl PricingPlan {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// Web sites that may embed the widget; an empty list allows all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<SingleLine<300>>")]
pub(crate) struct AllowedOrigins(pub(crate) Vec<String>);

/// The list is longer than [`MAX_ORIGINS`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have at most {MAX_ORIGINS} origins")]
pub(crate) struct TooManyOrigins;

impl TryFrom<Vec<SingleLine<300>>> for AllowedOrigins {
    type Error = TooManyOrigins;

    /// Sorts and deduplicates, so that the same set is always the same value.
    fn try_from(list: Vec<SingleLine<300>>) -> Result<Self, Self::Error> {
        let mut origins: Vec<String> = list.into_iter().map(String::from).collect();
        origins.sort();
        origins.dedup();
        if origins.len() > MAX_ORIGINS {
            return Err(TooManyOrigins);
        }
        Ok(Self(origins))
    }
}

/// What a tenant uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TenantUsage {
    pub(crate) documents: u64,
    pub(crate) messages_this_month: u64,
    pub(crate) storage_bytes: u64,
    pub(crate) channels: u64,
    pub(crate) members: u64,
}
