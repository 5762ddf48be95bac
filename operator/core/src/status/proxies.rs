//! Whether the gateway can tell clients apart behind the proxy that the spec puts in front of it.

use super::Finding;
use crate::api::condition::ConditionStatus;
use crate::reason::Reason;
use crate::resolve::Resolved;

/// The type of the condition.
const CONDITION: &str = "ClientAddressesKnown";

/// Nothing where no proxy is known of: a load balancer keeps the addresses of clients.
pub(super) fn finding(resolved: &Resolved) -> Option<Finding> {
    let gateway = &resolved.spec.gateway;
    let section = match (&gateway.ingress, &gateway.http_route) {
        (Some(_), _) => "ingress",
        (None, Some(_)) => "httpRoute",
        (None, None) => return None,
    };
    let (status, reason, message) = if gateway.trusted_proxies.is_empty() {
        let message = format!(
            "spec.gateway.{section} is set and spec.gateway.trustedProxies is not: all visitors \
             count as one address, so they share every limit and one can use it up for all. List \
             the IP ranges of the proxy's pods in spec.gateway.trustedProxies."
        );
        (ConditionStatus::False, Reason::NoTrustedProxies, message)
    } else {
        let message = format!(
            "Visitors are told apart by what these proxies say: {}.",
            gateway.trusted_proxies.join(", ")
        );
        (ConditionStatus::True, Reason::ProxiesTrusted, message)
    };
    Some(Finding {
        kind: CONDITION,
        status,
        reason,
        message,
    })
}
