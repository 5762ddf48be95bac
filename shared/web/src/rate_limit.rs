//! Rate limits of requests by caller, account and address, counted for all replicas together.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use shared_auth::TokenVerifier;
use shared_cache::{Cache, Decision, Key, Limit, PrefetchingLimiter};

use crate::auth::{Caller, Principal, bearer};
use crate::client_ip::ClientIp;
use crate::error::ApiError;

/// The limits in force (draft-ietf-httpapi-ratelimit-headers).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of the limit that is closest to its end.
pub const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// A limit and its name in headers.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name in headers and metrics.
    pub name: &'static str,
    /// Requests, window and burst.
    pub limit: Limit,
}

impl Rule {
    /// `count` requests a minute, of which `burst` may come at once.
    pub const fn per_minute(name: &'static str, count: u32, burst: u32) -> Self {
        let window = Duration::from_mins(1);
        Self {
            name,
            limit: Limit {
                count,
                window,
                burst,
            },
        }
    }

    /// The member that this rule adds to `RateLimit-Policy`.
    pub fn policy(&self) -> String {
        let Limit { count, window, .. } = self.limit;
        format!("\"{}\";q={count};w={}", self.name, window.as_secs())
    }
}

/// One user or API key.
const CALLER: Rule = Rule::per_minute("caller", 1_200, 300);
/// All callers of an account together.
const ACCOUNT: Rule = Rule::per_minute("account", 6_000, 1_500);
/// Requests without a valid credential, per address; an office may share one address.
const ADDRESS: Rule = Rule::per_minute("address", 1_200, 400);

/// Limits requests by caller, account and address. Calls between services are not limited.
#[derive(Debug, Clone)]
pub struct Limiter {
    limiter: PrefetchingLimiter,
    verifier: TokenVerifier,
}

impl Limiter {
    /// A limiter of the requests that this verifier verifies.
    pub fn new(cache: Cache, verifier: TokenVerifier) -> Self {
        let limiter = PrefetchingLimiter::new(cache);
        Self { limiter, verifier }
    }

    /// The limits of a caller, or of an address without one; none for a service.
    fn rules(caller: Option<&Caller>, address: IpAddr) -> Option<Vec<(Key, Rule)>> {
        let Some(caller) = caller else {
            let key = Key::limit(ADDRESS.name, &address.to_string());
            return Some(vec![(key, ADDRESS)]);
        };
        let (tenant, principal) = match &caller.principal {
            Principal::User { id, .. } => (caller.tenant, id.as_uuid()),
            Principal::ApiKey { id, .. } => (caller.tenant, id.as_uuid()),
            Principal::Service(_) => return None,
        };
        Some(vec![
            (Key::caller_limit(tenant, CALLER.name, principal), CALLER),
            (Key::tenant_limit(tenant, ACCOUNT.name), ACCOUNT),
        ])
    }
}

/// Verifies the credential once, applies the limits, and describes them on every response. While
/// Redis is unavailable requests pass: what must not be guessed, such as a password, has a limit
/// of its own that fails closed.
pub async fn enforce(State(limiter): State<Limiter>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(address) = ClientIp::from_request_parts(&mut parts, &()).await;
    let identity = match bearer(&parts) {
        Some(token) => limiter.verifier.verify_for(token, &parts.method).await.ok(),
        None => None,
    };
    let caller = identity.map(Caller::from);
    let keyed_rules = Limiter::rules(caller.as_ref(), address.network());
    if let Some(caller) = caller {
        parts.extensions.insert(caller);
    }
    let request = Request::from_parts(parts, body);
    let Some(keyed_rules) = keyed_rules else {
        return next.run(request).await;
    };
    let limits: Vec<_> = keyed_rules
        .iter()
        .map(|(key, rule)| (key.clone(), rule.limit))
        .collect();
    let rules: Vec<Rule> = keyed_rules.into_iter().map(|(_, rule)| rule).collect();
    match limiter.limiter.take(&limits).await {
        Ok(Decision::Allowed {
            limiting_rule,
            remaining,
            reset,
        }) => {
            let mut response = next.run(request).await;
            describe(
                response.headers_mut(),
                &rules,
                limiting_rule,
                remaining,
                reset,
            );
            response
        }
        Ok(Decision::Refused { by, retry_after }) => refuse(&rules, by, retry_after),
        Err(cause) => {
            tracing::warn!(%cause, "Redis unavailable; request not rate-limited");
            next.run(request).await
        }
    }
}

fn refuse(rules: &[Rule], by: usize, retry_after: Duration) -> Response {
    let name = rules.get(by).map_or("", |rule| rule.name);
    metrics::counter!("http_limited_total", "limit" => name).increment(1);
    let mut response = ApiError::too_many(retry_after)
        .detail(format!(
            "the limit \"{name}\" is used up; wait as long as Retry-After says"
        ))
        .into_response();
    describe(response.headers_mut(), rules, by, 0, retry_after);
    response
}

/// Writes the headers, unless the handler's own limit has written them. `limiting_rule` is the
/// index of the rule that is closest to its end.
pub fn describe(
    headers: &mut HeaderMap,
    rules: &[Rule],
    limiting_rule: usize,
    remaining: u32,
    reset: Duration,
) {
    let Some(rule) = rules
        .get(limiting_rule)
        .filter(|_| !headers.contains_key(STATE))
    else {
        return;
    };
    let policies: Vec<String> = rules.iter().map(Rule::policy).collect();
    let seconds = reset.as_millis().div_ceil(1000);
    let state = format!("\"{}\";r={remaining};t={seconds}", rule.name);
    for (name, text) in [(POLICY, policies.join(", ")), (STATE, state)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
}
