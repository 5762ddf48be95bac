//! What an account has a quota of.

use serde::{Deserialize, Serialize};

/// What an account has a quota of.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Quota {
    /// Documents that are not deleted, of uploads and of sites.
    Documents,
    /// Bytes of the files of documents, with their earlier versions.
    StorageBytes,
    /// Channels that are not deleted.
    Channels,
    /// Members, with the owners.
    Members,
    /// Messages of visitors in a calendar month (UTC).
    MessagesPerMonth,
}

impl Quota {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Documents,
        Self::StorageBytes,
        Self::Channels,
        Self::Members,
        Self::MessagesPerMonth,
    ];

    /// The name in the database and in responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::StorageBytes => "storage_bytes",
            Self::Channels => "channels",
            Self::Members => "members",
            Self::MessagesPerMonth => "messages_per_month",
        }
    }

    /// The quota of that name; none for one that only a newer version knows.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quota| quota.as_str() == name)
    }

    /// Whether the use of each month is counted by itself.
    pub const fn is_monthly(self) -> bool {
        matches!(self, Self::MessagesPerMonth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_has_one_name_everywhere() {
        for quota in Quota::ALL {
            let name = quota.as_str();
            assert_eq!(Quota::from_name(name), Some(quota));
            let text = serde_json::to_value(quota).unwrap();
            assert_eq!(text, name);
        }
        assert_eq!(Quota::from_name("seats"), None);
    }
}
