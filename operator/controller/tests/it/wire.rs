//! Below the client of an operator under test: counts its calls, and breaks them where asked.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Method, Request, Uri};
use http_body_util::BodyExt;
use kube::client::Body;
use operator::client::{Answer, Wire};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt};

mod answers;
mod events;
mod fault;
mod rival;

pub(crate) use self::answers::Recorded;
pub(crate) use self::fault::{Busy, Fate, Fault};
use self::fault::{State, reads};

/// One attempt at the API server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Whether it asks for events.
    pub(crate) watches: bool,
    pub(crate) status: u16,
}

/// What went over the wire.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Mutex<State>>);

impl Calls {
    pub(crate) fn new(fault: Fault) -> Self {
        Self(Arc::new(Mutex::new(State::new(fault))))
    }

    /// The first answers to whatever read are what `before` was told first: a server that has not
    /// heard of what happened since. Twice, since what is to be written is read once more.
    pub(crate) fn outdated(before: &Self) -> Self {
        let mut state = State::new(Fault::None);
        let told = before.state().first_answers.clone();
        let twice = |(uri, answer)| (uri, VecDeque::from(vec![answer; 2]));
        state.outdated = told.into_iter().map(twice).collect();
        Self(Arc::new(Mutex::new(state)))
    }

    /// The layer itself.
    pub(crate) fn middle(&self) -> impl FnOnce(Wire) -> Wire + use<> {
        let calls = self.clone();
        |wire| BoxCloneSyncService::new(Watched { wire, calls })
    }

    /// From now on, counted from now.
    pub(crate) fn arm(&self, fault: Fault) {
        self.state().arm(fault);
    }

    /// Every attempt so far.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The attempts that were not reads.
    pub(crate) fn writes(&self) -> Vec<Call> {
        self.all()
            .into_iter()
            .filter(|call| !reads(&call.method))
            .collect()
    }

    /// How many events the watches had, and how many reads there were.
    pub(crate) fn events_and_reads(&self) -> (usize, usize) {
        let state = self.state();
        (state.events, state.reads)
    }

    /// How many watches began, and how many further pages lists had.
    pub(crate) fn watches_and_pages(&self) -> (usize, usize) {
        let state = self.state();
        (state.watches, state.pages)
    }

    /// How often one was told something outdated, or could have been.
    pub(crate) fn outdated_answers(&self) -> usize {
        self.state().outdated_answers
    }

    /// Forgets what went over the wire so far.
    pub(crate) fn clear(&self) {
        self.state().calls.clear();
    }

    /// Whether the fault has struck.
    pub(crate) fn struck(&self) -> bool {
        self.state().struck
    }

    /// Remembers an attempt.
    pub(crate) fn note(&self, method: Method, uri: &Uri, status: u16) {
        self.state().calls.push(Call {
            method,
            path: uri.path().to_owned(),
            watches: watches(uri),
            status,
        });
    }

    pub(crate) fn decide(&self, method: &Method, uri: &str) -> Fate {
        self.state().decide(method, uri)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

#[derive(Clone)]
struct Watched {
    wire: Wire,
    calls: Calls,
}

impl Service<Request<Body>> for Watched {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.wire.poll_ready(task)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let fate = self
            .calls
            .decide(request.method(), &request.uri().to_string());
        let (wire, calls) = (self.wire.clone(), self.calls.clone());
        Box::pin(async move { pass(wire, calls, fate, request).await })
    }
}

async fn pass(
    wire: Wire,
    calls: Calls,
    fate: Fate,
    request: Request<Body>,
) -> Result<Answer, BoxError> {
    let (mut parts, body) = request.into_parts();
    if calls.state().pages_of_one() {
        parts.uri = with_pages_of_one(&parts.uri);
    }
    let note = |status: u16| calls.note(parts.method.clone(), &parts.uri, status);
    let body = body.collect().await?.to_bytes();
    let again = || Request::from_parts(parts.clone(), Body::from(body.to_vec()));
    let answer = match fate {
        Fate::Refuse => return Err(BoxError::from("broken off before it was sent")),
        Fate::Busy(busy) => {
            note(busy.status);
            return Ok(answers::busy(busy));
        }
        Fate::Gone => {
            note(410);
            return Ok(answers::gone());
        }
        Fate::Rival => {
            let rival = rival::write(&wire, &parts, &body).await?;
            calls.state().struck |= rival.is_some();
            let answer = wire.clone().oneshot(again()).await;
            if let Some(rival::Trace::Finalizer) = rival {
                rival::withdraw(&wire, &parts).await?;
            }
            answer
        }
        Fate::Pass | Fate::LoseAnswer => wire.oneshot(again()).await,
    };
    note(answer.as_ref().map_or(0, |answer| answer.status().as_u16()));
    if fate == Fate::LoseAnswer {
        return Err(BoxError::from("the answer was lost"));
    }
    read(calls, &parts, answer?).await
}

fn watches(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.contains("watch="))
}

fn with_pages_of_one(uri: &Uri) -> Uri {
    let text = uri.to_string();
    let Some((before, after)) = text.split_once("limit=") else {
        return uri.clone();
    };
    let after = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
    format!("{before}limit=1{after}").parse().unwrap()
}

/// What a read is told may be tampered with, too.
async fn read(calls: Calls, parts: &Parts, answer: Answer) -> Result<Answer, BoxError> {
    if !reads(&parts.method) {
        return Ok(answer);
    }
    if watches(&parts.uri) {
        return Ok(events::tampered(calls, answer));
    }
    let told = Recorded::of(answer).await?;
    let told = calls.state().told(&parts.uri.to_string(), told);
    Ok(told.answer())
}
