//! Below the client of an operator under test: counts its calls, and breaks them where asked.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{Method, Request};
use kube::client::Body;
use operator::client::{Answer, Wire};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service};

/// One attempt at the API server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) status: u16,
}

/// Where calls are broken, counted in writes from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Never.
    None,
    /// After write n nothing is sent and no answer arrives any more: the process died. To those
    /// who come after, dying before write n + 1 looks the same.
    Crash(usize),
    /// Write n is not sent, once.
    Refused(usize),
    /// Write n is sent and its answer is lost, once.
    Lost(usize),
}

/// What went over the wire.
#[derive(Clone)]
pub(crate) struct Calls(Arc<Mutex<State>>);

struct State {
    calls: Vec<Call>,
    fault: Fault,
    writes: usize,
    struck: bool,
    dead: bool,
}

impl Calls {
    pub(crate) fn new(fault: Fault) -> Self {
        let state = State {
            calls: Vec::new(),
            fault,
            writes: 0,
            struck: false,
            dead: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The layer itself.
    pub(crate) fn middle(&self) -> impl FnOnce(Wire) -> Wire + use<> {
        let calls = self.clone();
        |wire| BoxCloneSyncService::new(Watched { wire, calls })
    }

    /// Every attempt so far.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    /// The attempts that were not reads.
    pub(crate) fn writes(&self) -> Vec<Call> {
        self.all()
            .into_iter()
            .filter(|call| !reads(&call.method))
            .collect()
    }

    /// Forgets what went over the wire so far.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().calls.clear();
    }

    /// Whether the fault has struck.
    pub(crate) fn struck(&self) -> bool {
        self.0.lock().unwrap().struck
    }

    /// Remembers an attempt that went another way.
    pub(crate) fn note(&self, method: Method, path: &str, status: u16) {
        let path = path.to_owned();
        self.0.lock().unwrap().calls.push(Call {
            method,
            path,
            status,
        });
    }

    pub(crate) fn decide(&self, method: &Method) -> Fate {
        let mut state = self.0.lock().unwrap();
        if state.dead {
            return Fate::Refuse;
        }
        if reads(method) {
            return Fate::Pass;
        }
        state.writes += 1;
        let fate = match state.fault {
            Fault::Crash(n) if n < state.writes => Fate::Refuse,
            Fault::Crash(n) if n == state.writes => Fate::LoseAnswer,
            Fault::Refused(n) if n == state.writes => Fate::Refuse,
            Fault::Lost(n) if n == state.writes => Fate::LoseAnswer,
            _ => Fate::Pass,
        };
        state.struck |= fate != Fate::Pass;
        state.dead = state.struck && matches!(state.fault, Fault::Crash(_));
        fate
    }
}

#[derive(PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    Refuse,
    LoseAnswer,
}

fn reads(method: &Method) -> bool {
    *method == Method::GET
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
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let fate = self.calls.decide(&method);
        if fate == Fate::Refuse {
            return Box::pin(async { Err(BoxError::from("broken off before it was sent")) });
        }
        let calls = self.calls.clone();
        let answer = self.wire.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
            calls.0.lock().unwrap().calls.push(Call {
                method,
                path,
                status,
            });
            if fate == Fate::LoseAnswer {
                return Err(BoxError::from("the answer was lost"));
            }
            answer
        })
    }
}
