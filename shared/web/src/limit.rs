//! How much one caller, one account and one address may ask, counted for all replicas together.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use shared_cache::{Cache, Key, Leases, Limit, Verdict};

use crate::auth::{Caller, Creator, Verifier, bearer};
use crate::client_ip::ClientIp;
use crate::error::ApiError;

/// The limits in force (draft-ietf-httpapi-ratelimit-headers).
pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// What is left of the one that is nearest to its end.
pub const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// A limit and the name that it has in headers.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// How much.
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

/// A person or an API key.
const CALLER: Rule = Rule::per_minute("caller", 1_200, 300);
/// All callers of an account together.
const ACCOUNT: Rule = Rule::per_minute("account", 6_000, 1_500);
/// Whoever shows no valid credential; behind one address there may be an office.
const ADDRESS: Rule = Rule::per_minute("address", 1_200, 400);

/// Counts requests; services between themselves are not counted.
#[derive(Debug, Clone)]
pub struct Limiter {
    leases: Leases,
    verifier: Verifier,
}

impl Limiter {
    /// A limiter for what that verifier lets in.
    pub fn new(cache: Cache, verifier: Verifier) -> Self {
        let leases = Leases::new(cache);
        Self { leases, verifier }
    }

    /// What counts for a caller; nothing for a service.
    fn rules(creator: Option<&Creator>, address: IpAddr) -> Option<Vec<(Key, Rule)>> {
        let Some(creator) = creator else {
            let key = Key::limit(ADDRESS.name, &address.to_string());
            return Some(vec![(key, ADDRESS)]);
        };
        let caller = match &creator.caller {
            Caller::User { id, .. } => id.as_uuid(),
            Caller::ApiKey { id, .. } => id.as_uuid(),
            Caller::Service(_) => return None,
        };
        Some(vec![
            (Key::caller_limit(creator.id, CALLER.name, caller), CALLER),
            (Key::tenant_limit(creator.id, ACCOUNT.name), ACCOUNT),
        ])
    }
}

/// Verifies the credential of a request once, counts the request, and says on every answer what
/// is left. While Redis does not answer, nobody counts and requests go on: what must not be
/// guessed, such as a password, has a limit of its own that refuses.
pub async fn count(State(limiter): State<Limiter>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(address) = ClientIp::from_request_parts(&mut parts, &()).await;
    let creator = match bearer(&parts) {
        Some(token) => limiter.verifier.verify_for(token, &parts.method).await.ok(),
        None => None,
    };
    let rules = Limiter::rules(creator.as_ref(), address.network());
    if let Some(creator) = creator {
        parts.extensions.insert(creator);
    }
    let request = Request::from_parts(parts, body);
    let Some(rules) = rules else {
        return next.run(request).await;
    };
    let limits: Vec<_> = rules
        .iter()
        .map(|(key, rule)| (key.clone(), rule.limit))
        .collect();
    let rules: Vec<Rule> = rules.into_iter().map(|(_, rule)| rule).collect();
    match limiter.leases.take(&limits).await {
        Ok(Verdict::Allowed {
            tightest,
            remaining,
            reset,
        }) => {
            let mut response = next.run(request).await;
            describe(response.headers_mut(), &rules, tightest, remaining, reset);
            response
        }
        Ok(Verdict::Refused { by, wait }) => {
            let name = rules.get(by).map_or("", |rule| rule.name);
            metrics::counter!("http_limited_total", "limit" => name).increment(1);
            let mut response = ApiError::too_many(wait)
                .detail(format!(
                    "the limit \"{name}\" is used up; wait as long as Retry-After says"
                ))
                .into_response();
            describe(response.headers_mut(), &rules, by, 0, wait);
            response
        }
        Err(cause) => {
            tracing::warn!(%cause, "nobody counts requests: let through");
            next.run(request).await
        }
    }
}

/// Writes the headers, unless the handler's own limit has written them: of `rules`, the one at
/// `which` is nearest to its end.
pub fn describe(
    headers: &mut HeaderMap,
    rules: &[Rule],
    which: usize,
    remaining: u32,
    reset: Duration,
) {
    let Some(rule) = rules.get(which).filter(|_| !headers.contains_key(STATE)) else {
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
