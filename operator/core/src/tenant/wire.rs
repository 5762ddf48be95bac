//! What is said to auth's tenants API, and what it answers.

use serde::{Deserialize, Serialize};

use crate::api::tenant::Usage;
use crate::api::tenants::Plan;

/// What an account shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wish {
    /// Namespace and name of the resource.
    pub resource: String,
    /// Name that people see.
    pub display_name: String,
    /// Who owns the account.
    pub owner: Owner,
    /// Plan.
    pub plan: Plan,
    /// What the account may use.
    pub quotas: Quotas,
    /// Web sites that may embed the widget, sorted.
    pub allowed_origins: Vec<String>,
    /// Whether the account is shut.
    pub suspended: bool,
    /// Whether the owner's invitation is wanted.
    pub invite: bool,
}

/// Who owns an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// E-mail address.
    pub email: String,
    /// Full name.
    pub full_name: String,
}

/// What an account may use; what is left out is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<i32>,
    /// Channels. An auth of an earlier release refuses the field, so it is left out where not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<i32>,
    /// Members. Left out where not set, like the channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<i32>,
    /// Messages of the audience each month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_per_month: Option<i32>,
    /// Bytes of uploaded files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<i64>,
}

/// An account as auth knows it. Fields that a later auth adds are none of our business.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// UID of the resource.
    pub uid: String,
    /// The account's id.
    pub creator_id: String,
    /// When it was made.
    pub provisioned_at: String,
    /// Its settings.
    pub observed: Observed,
    /// Whether the owner has set a password.
    pub owner_accepted: bool,
    /// The way in for the owner, where it was asked for and is open.
    #[serde(default)]
    pub invitation: Option<Invitation>,
    /// What it uses.
    #[serde(with = "usage")]
    pub usage: Usage,
}

/// Settings as they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Observed {
    /// Name that people see.
    pub display_name: String,
    /// Plan; none when auth's two records of it differ.
    pub plan: Option<Plan>,
    /// What the account may use; none when it cannot be read.
    pub quotas: Option<Quotas>,
    /// Web sites that may embed the widget.
    pub allowed_origins: Vec<String>,
    /// Whether the account is shut.
    pub suspended: bool,
    /// Which resource manages the account.
    pub resource: Option<String>,
}

/// The way in for an owner. The token never leaves the edge but into a Secret.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Invitation {
    /// Opens the account once.
    pub token: String,
    /// Until when.
    pub expires_at: String,
}

impl std::fmt::Debug for Invitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Observed {
    /// Whether the account is as wished.
    pub fn is(&self, wish: &Wish) -> bool {
        let Self {
            display_name,
            plan,
            quotas,
            allowed_origins,
            suspended,
            resource,
        } = self;
        *display_name == wish.display_name
            && *plan == Some(wish.plan)
            && *quotas == Some(wish.quotas)
            && *allowed_origins == wish.allowed_origins
            && *suspended == wish.suspended
            && resource.as_ref() == Some(&wish.resource)
    }
}

/// The names of the wire are snake case, those of a status camel case.
mod usage {
    use serde::{Deserialize, Deserializer};

    use crate::api::tenant::Usage;

    #[derive(Deserialize)]
    struct OnTheWire {
        documents: i64,
        messages_this_month: i64,
        storage_bytes: i64,
        // An auth of an earlier release does not report these.
        #[serde(default)]
        channels: Option<i64>,
        #[serde(default)]
        members: Option<i64>,
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Usage, D::Error> {
        let OnTheWire {
            documents,
            messages_this_month,
            storage_bytes,
            channels,
            members,
        } = OnTheWire::deserialize(reader)?;
        Ok(Usage {
            documents,
            messages_this_month,
            storage_bytes,
            channels,
            members,
        })
    }
}
