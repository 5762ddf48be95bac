//! For whom a model is called. Accounts take turns at it (`shared/fair-queue`).

use shared_models::CreatorId;

/// Whom a call is for; the most urgent first. It decides only among the calls of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A visitor of a channel.
    Visitor,
    /// A member of the account, or its software.
    Member,
    /// A document or a pair that becomes searchable.
    Ingestion,
}

impl Class {
    /// The label of metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Member => "member",
            Self::Ingestion => "ingestion",
        }
    }
}

/// For whom a model is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// None: for the platform itself.
    pub tenant: Option<CreatorId>,
    /// How urgent it is.
    pub class: Class,
}

impl Caller {
    /// The platform itself, which measures a model.
    pub const PLATFORM: Self = Self {
        tenant: None,
        class: Class::Ingestion,
    };

    /// A question to a tenant's assistant.
    pub const fn asking(tenant: CreatorId, is_visitor: bool) -> Self {
        let class = if is_visitor {
            Class::Visitor
        } else {
            Class::Member
        };
        Self {
            tenant: Some(tenant),
            class,
        }
    }

    /// What a tenant makes searchable.
    pub(crate) const fn ingesting(tenant: CreatorId) -> Self {
        Self {
            tenant: Some(tenant),
            class: Class::Ingestion,
        }
    }
}
