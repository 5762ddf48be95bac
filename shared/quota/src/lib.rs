#![doc = include_str!("../README.md")]

mod guard;
mod state;

pub use guard::{ChargeError, Exceeded, LockedQuota, QuotaGuard, QuotaUse, Uses, uses};
pub use shared_models::Quota;
pub use state::QuotaState;

use serde::{Deserialize, Serialize};

/// How much an account may use. What is absent is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Of [`Quota::Documents`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<u32>,
    /// Of [`Quota::StorageBytes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    /// Of [`Quota::Channels`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// Of [`Quota::Members`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<u32>,
    /// Of [`Quota::MessagesPerMonth`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages_per_month: Option<u32>,
}

/// The text is no JSON object of quotas.
#[derive(Debug, thiserror::Error)]
#[error("must be a JSON object of quotas, such as {{\"documents\": 20}}")]
pub struct NotQuotas;

impl std::str::FromStr for Quotas {
    type Err = NotQuotas;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        serde_json::from_str(text).map_err(|_| NotQuotas)
    }
}

impl Quotas {
    /// The limit of one quota; none if it is unlimited.
    pub fn limit(&self, quota: Quota) -> Option<u64> {
        match quota {
            Quota::Documents => self.documents.map(u64::from),
            Quota::StorageBytes => self.storage_bytes,
            Quota::Channels => self.channels.map(u64::from),
            Quota::Members => self.members.map(u64::from),
            Quota::MessagesPerMonth => self.messages_per_month.map(u64::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_unlimited_and_names_are_those_of_the_fields() {
        let some: Quotas = r#"{"documents": 0, "storage_bytes": 5000000000}"#.parse().unwrap();
        assert_eq!(some.limit(Quota::Documents), Some(0));
        assert_eq!(some.limit(Quota::StorageBytes), Some(5_000_000_000));
        assert_eq!(some.limit(Quota::MessagesPerMonth), None);
        for quota in Quota::ALL {
            let one = format!("{{\"{}\": 7}}", quota.as_str());
            assert_eq!(
                one.parse::<Quotas>().unwrap().limit(quota),
                Some(7),
                "{one}"
            );
        }
        assert!("20".parse::<Quotas>().is_err());
        assert!(r#"{"documents": -1}"#.parse::<Quotas>().is_err());
    }
}
