//! Lets writes pass only while the leases that allow them are held, at the last place where a
//! request can be stopped.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use kube::client::Body;
use operator_core::lease::{IN_FLIGHT_TIMEOUT, WRITE_TIMEOUT};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service};

use crate::client::{Answer, Wire};

/// A write that was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not written: this operator does not hold the lease that allows it ({0})")]
pub struct NotHeld(String);

/// Until when a lease is held. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Token(Arc<Mutex<Option<Instant>>>);

impl Token {
    /// The lease is held until that moment, or not at all.
    pub fn set(&self, until: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether the lease is held now.
    pub fn is_valid(&self) -> bool {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }
}

/// The tokens of claims, by namespace. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct ClaimTokens(Arc<Mutex<HashMap<String, Token>>>);

impl ClaimTokens {
    /// The token of a namespace.
    pub fn of(&self, namespace: &str) -> Token {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(namespace.to_owned()).or_default().clone()
    }

    /// Whether the claim of a namespace is held.
    pub fn is_valid(&self, namespace: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(namespace).is_some_and(Token::is_valid)
    }

    /// The claim is given up.
    pub fn remove(&self, namespace: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(namespace);
    }
}

/// Which leases allow a write. Clones share it.
#[derive(Clone, Default)]
pub struct Fence(Option<Arc<Leases>>);

struct Leases {
    leader: Token,
    claims: Option<ClaimTokens>,
    in_flight: Mutex<InFlight>,
}

#[derive(Default)]
struct InFlight {
    number: usize,
    /// When a write last ended without an answer: it may have its effect later.
    unanswered: Option<Instant>,
}

impl Fence {
    /// Allows every write: for a command at a terminal, which writes nothing, and for tests.
    pub fn open() -> Self {
        Self::default()
    }

    /// Allows writes while `leader` is valid.
    pub fn of_leader(leader: Token) -> Self {
        Self::new(leader, None)
    }

    /// Allows writes while `leader` and the claim of their namespace are valid.
    pub fn of_claims(leader: Token, claims: ClaimTokens) -> Self {
        Self::new(leader, Some(claims))
    }

    fn new(leader: Token, claims: Option<ClaimTokens>) -> Self {
        Self(Some(Arc::new(Leases {
            leader,
            claims,
            in_flight: Mutex::default(),
        })))
    }

    /// A permit to write in a namespace.
    pub fn permit(&self, namespace: &str) -> Result<Permit<'_>, NotHeld> {
        let permit = Permit {
            fence: self,
            namespace: namespace.to_owned(),
        };
        permit.check()?;
        Ok(permit)
    }

    /// How long ago the last write must have been, if it was not answered, to have no effect any
    /// more; zero when all were answered.
    pub fn unsettled_for(&self) -> Duration {
        let Some(leases) = &self.0 else {
            return Duration::ZERO;
        };
        let in_flight = leases.in_flight();
        let last = if in_flight.number > 0 {
            Some(Instant::now())
        } else {
            in_flight.unanswered
        };
        let settled = last.map(|last| last + IN_FLIGHT_TIMEOUT);
        settled.map_or(Duration::ZERO, |settled| {
            settled.saturating_duration_since(Instant::now())
        })
    }

    /// Puts the fence before a wire.
    pub fn before(&self, wire: Wire) -> Wire {
        BoxCloneSyncService::new(FencedWire {
            wire,
            fence: self.clone(),
        })
    }

    fn check(&self, namespace: Option<&str>) -> Result<(), NotHeld> {
        let Some(leases) = &self.0 else {
            return Ok(());
        };
        if !leases.leader.is_valid() {
            return Err(NotHeld("of the leader".to_owned()));
        }
        let Some(claims) = &leases.claims else {
            return Ok(());
        };
        match namespace {
            Some(namespace) if claims.is_valid(namespace) => Ok(()),
            Some(namespace) => Err(NotHeld(format!("of namespace {namespace}"))),
            None => Err(NotHeld("the request names no namespace".to_owned())),
        }
    }
}

impl Leases {
    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows that the leases of a namespace were held. Functions that write take one; each request is
/// checked once more when it is sent.
pub struct Permit<'a> {
    fence: &'a Fence,
    namespace: String,
}

impl Permit<'_> {
    /// Checks once more: for writes that go to another server than the API server.
    pub fn check(&self) -> Result<(), NotHeld> {
        self.fence.check(Some(&self.namespace))
    }
}

/// A write that was sent, until its answer.
struct Sent(Option<Arc<Leases>>);

impl Sent {
    fn new(fence: &Fence) -> Self {
        if let Some(leases) = &fence.0 {
            leases.in_flight().number += 1;
        }
        Self(fence.0.clone())
    }

    fn end(leases: &Leases, was_answered: bool) {
        let mut in_flight = leases.in_flight();
        in_flight.number = in_flight.number.saturating_sub(1);
        if !was_answered {
            in_flight.unanswered = Some(Instant::now());
        }
    }

    fn answered(mut self) {
        if let Some(leases) = self.0.take() {
            Self::end(&leases, true);
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Some(leases) = self.0.take() {
            Self::end(&leases, false);
        }
    }
}

#[derive(Clone)]
struct FencedWire {
    wire: Wire,
    fence: Fence,
}

impl Service<Request<Body>> for FencedWire {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.wire.poll_ready(task)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if request.method() == Method::GET || self.fence.0.is_none() {
            return Box::pin(self.wire.call(request));
        }
        if let Err(refused) = self.fence.check(namespace_in(request.uri().path())) {
            metrics::counter!("operator_fenced_writes_total").increment(1);
            return Box::pin(async { Err(BoxError::from(refused)) });
        }
        if let Some(limited) = limited(request.uri()) {
            *request.uri_mut() = limited;
        }
        let sent = Sent::new(&self.fence);
        let answer = self.wire.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            sent.answered();
            Ok(answer)
        })
    }
}

/// The namespace that a request's path names.
fn namespace_in(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/namespaces/")?;
    rest.split('/').next().filter(|name| !name.is_empty())
}

/// The same request with a limit to how long the API server works at it.
fn limited(uri: &Uri) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let has_query = uri.query().is_some_and(|query| !query.is_empty());
    let separator = if has_query { '&' } else { '?' };
    let path = parts
        .path_and_query
        .as_ref()
        .map_or("/", PathAndQuery::as_str);
    // kube leaves the question mark of an empty query.
    let path = path.trim_end_matches('?');
    let seconds = WRITE_TIMEOUT.as_secs();
    let path = format!("{path}{separator}timeout={seconds}s");
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_of_a_request_is_found_in_its_path() {
        let of = |path| namespace_in(path);
        assert_eq!(of("/api/v1/namespaces/shop/secrets/one"), Some("shop"));
        assert_eq!(of("/apis/apps/v1/namespaces/a/deployments"), Some("a"));
        assert_eq!(of("/apis/apps/v1/deployments"), None);
        assert_eq!(of("/api/v1/namespaces/"), None);
    }

    #[test]
    fn a_write_has_a_limit_at_the_server() {
        let limit = |text: &str| limited(&text.parse().expect("a URI")).map(|uri| uri.to_string());
        assert_eq!(limit("/a/b").as_deref(), Some("/a/b?timeout=4s"));
        assert_eq!(limit("/a/b?").as_deref(), Some("/a/b?timeout=4s"));
        assert_eq!(limit("/a?b=c").as_deref(), Some("/a?b=c&timeout=4s"));
        let whole = limit("https://server:6443/a?b=c");
        assert_eq!(
            whole.as_deref(),
            Some("https://server:6443/a?b=c&timeout=4s")
        );
    }

    #[test]
    fn a_permit_ends_with_the_leases_behind_it() {
        let (leader, claims) = (Token::default(), ClaimTokens::default());
        let fence = Fence::of_claims(leader.clone(), claims.clone());
        assert!(fence.permit("shop").is_err());
        let later = Some(Instant::now() + Duration::from_mins(1));
        leader.set(later);
        assert!(fence.permit("shop").is_err(), "the claim is missing");
        claims.of("shop").set(later);
        assert!(fence.permit("other").is_err());
        let permit = fence.permit("shop").expect("both are held");
        assert_eq!(permit.check(), Ok(()));
        leader.set(Some(Instant::now()));
        assert!(permit.check().is_err());
        leader.set(later);
        claims.remove("shop");
        assert!(permit.check().is_err());
        assert!(Fence::open().permit("any").is_ok());
    }

    #[test]
    fn a_write_without_an_answer_is_unsettled_for_a_while() {
        let fence = Fence::of_leader(Token::default());
        assert_eq!(fence.unsettled_for(), Duration::ZERO);
        let sent = Sent::new(&fence);
        assert!(fence.unsettled_for() > Duration::ZERO);
        sent.answered();
        assert_eq!(fence.unsettled_for(), Duration::ZERO);
        drop(Sent::new(&fence));
        assert!(fence.unsettled_for() > Duration::ZERO);
    }
}
