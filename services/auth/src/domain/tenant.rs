//! What the operator and auth say to each other about a tenant.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::SingleLine;
use shared_models::{CreatorId, Email};
use uuid::Uuid;

use crate::domain::full_name::FullName;

/// Most origins of a tenant.
const ORIGINS_MAX: usize = 50;

/// What a Tenant resource wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantWish {
    /// Namespace and name of the resource, told to whoever tries to change what it manages.
    pub(crate) resource: SingleLine<400>,
    pub(crate) display_name: SingleLine<200>,
    pub(crate) owner: OwnerWish,
    pub(crate) plan: Plan,
    #[serde(default)]
    pub(crate) quotas: Quotas,
    #[serde(default)]
    pub(crate) allowed_origins: Origins,
    #[serde(default)]
    pub(crate) suspended: bool,
    /// Whether the invitation is wanted: it is told while it is open, and made anew when it has
    /// expired. An owner who has come in is invited no more.
    #[serde(default)]
    pub(crate) invite: bool,
}

/// Who owns the account. Read when the account is made; later the account's people are its own
/// business.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnerWish {
    pub(crate) email: Email,
    pub(crate) full_name: FullName,
}

/// A plan.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Plan {
    Free,
    Pro,
    Enterprise,
}

impl Plan {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// What a tenant may use; what is left out is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quotas {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) documents: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) messages_per_month: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) storage_bytes: Option<u64>,
}

/// Web sites that may embed the widget; none listed is no bound.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "Vec<SingleLine<300>>")]
pub(crate) struct Origins(pub(crate) Vec<String>);

/// More origins than a tenant can have.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must have at most {ORIGINS_MAX} origins")]
pub(crate) struct TooManyOrigins;

impl TryFrom<Vec<SingleLine<300>>> for Origins {
    type Error = TooManyOrigins;

    /// In order and once each, so that the same set is the same value.
    fn try_from(list: Vec<SingleLine<300>>) -> Result<Self, Self::Error> {
        let mut list: Vec<String> = list.into_iter().map(String::from).collect();
        list.sort();
        list.dedup();
        if list.len() > ORIGINS_MAX {
            return Err(TooManyOrigins);
        }
        Ok(Self(list))
    }
}

/// A tenant as it is.
#[derive(Debug, Serialize)]
pub(crate) struct Tenant {
    pub(crate) uid: Uuid,
    pub(crate) creator_id: CreatorId,
    pub(crate) provisioned_at: Timestamp,
    pub(crate) observed: Observed,
    /// Whether the owner has set a password.
    pub(crate) owner_accepted: bool,
    /// Only where it was asked for and is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invitation: Option<Invitation>,
    pub(crate) usage: Usage,
}

/// The settings as the database has them.
#[derive(Debug, Serialize)]
pub(crate) struct Observed {
    pub(crate) display_name: String,
    pub(crate) plan: Option<String>,
    pub(crate) quotas: Option<Quotas>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) suspended: bool,
    pub(crate) resource: Option<String>,
}

/// The way in for the owner.
#[derive(Debug, Serialize)]
pub(crate) struct Invitation {
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

/// What a tenant uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Usage {
    pub(crate) documents: i64,
    pub(crate) messages_this_month: i64,
    pub(crate) storage_bytes: i64,
}

/// Several tenants at once.
#[derive(Debug, Serialize)]
pub(crate) struct TenantList {
    pub(crate) tenants: Vec<Tenant>,
}
