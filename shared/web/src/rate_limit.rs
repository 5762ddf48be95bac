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

    /// The limits of a caller; none for a service.
    fn caller_rules(caller: &Caller) -> Option<Vec<(Key, Rule)>> {
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

    /// Takes one request from each of the limits.
    async fn charge(&self, keyed_rules: Vec<(Key, Rule)>) -> Charged {
        let limits: Vec<_> = keyed_rules
            .iter()
            .map(|(key, rule)| (key.clone(), rule.limit))
            .collect();
        let rules = keyed_rules.into_iter().map(|(_, rule)| rule).collect();
        let taken = self.limiter.take(&limits).await;
        let decision = taken
            .inspect_err(
                |cause| tracing::warn!(%cause, "Redis unavailable; request not rate-limited"),
            )
            .ok();
        Charged { rules, decision }
    }

    async fn charge_address(&self, address: IpAddr) -> Charged {
        let key = Key::limit(ADDRESS.name, &address.to_string());
        self.charge(vec![(key, ADDRESS)]).await
    }
}

/// The limits that a request was charged to.
struct Charged {
    rules: Vec<Rule>,
    /// None while Redis is unavailable.
    decision: Option<Decision>,
}

impl Charged {
    /// The response to a request that a limit refuses.
    fn refusal(&self) -> Option<Response> {
        match self.decision {
            Some(Decision::Refused { by, retry_after }) => {
                Some(refuse(&self.rules, by, retry_after))
            }
            Some(Decision::Allowed { .. }) | None => None,
        }
    }

    fn describe(&self, headers: &mut HeaderMap) {
        if let Some(Decision::Allowed {
            limiting_rule,
            remaining,
            reset,
        }) = self.decision
        {
            describe(headers, &self.rules, limiting_rule, remaining, reset);
        }
    }
}

/// Verifies the credential once, applies the limits, and describes them on every response. A
/// credential that auth must be asked about is charged to the address first: anyone can invent API
/// keys. While Redis is unavailable requests pass: what must not be guessed, such as a
/// password, has a limit of its own that fails closed.
pub async fn enforce(State(limiter): State<Limiter>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(address) = ClientIp::from_request_parts(&mut parts, &()).await;
    let token = bearer(&parts);
    let is_local = token.is_some_and(|token| !limiter.verifier.needs_look_up(token));
    let mut charged = None;
    if !is_local {
        let by_address = limiter.charge_address(address.network()).await;
        if let Some(refusal) = by_address.refusal() {
            return refusal;
        }
        charged = Some(by_address);
    }
    let identity = match token {
        Some(token) => limiter.verifier.verify_for(token, &parts.method).await.ok(),
        None => None,
    };
    if let Some(caller) = identity.map(Caller::from) {
        charged = match Limiter::caller_rules(&caller) {
            Some(rules) => Some(limiter.charge(rules).await),
            None => None,
        };
        parts.extensions.insert(caller);
    } else if charged.is_none() {
        charged = Some(limiter.charge_address(address.network()).await);
    }
    if let Some(refusal) = charged.as_ref().and_then(Charged::refusal) {
        return refusal;
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(charged) = charged {
        charged.describe(response.headers_mut());
    }
    response
}

fn refuse(rules: &[Rule], by: usize, retry_after: Duration) -> Response {
    let name = rules.get(by).map_or("", |rule| rule.name);
    metrics::counter!("http_limited_total", "limit" => name).increment(1);
    let mut response = ApiError::limit_used_up(name, retry_after).into_response();
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
