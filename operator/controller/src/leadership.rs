//! One replica of an operator leads: it alone watches and writes; the others wait for its lease.
//!
//! A term begins with lists that were asked for after the lease was acquired. Watches that had run
//! before might lag behind the last writes of the predecessor.

use std::sync::{Arc, Mutex, PoisonError};

use kube::{Client, Config};
use operator_core::lease::LEADER;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::claims::Claims;
use crate::client::{Wire, connect_fenced};
use crate::context::Context;
use crate::controller::{self, Scope};
use crate::fence::{ClaimTokens, Fence, Token};
use crate::leases::Holding;
use crate::random;
use crate::seen::Seen;

/// Who contends, and where.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The namespace of the lease: that of the operator's pod.
    pub namespace: String,
    /// The name of the operator's Deployment, which all of its replicas have.
    pub name: String,
    /// The name of this process, which no other has.
    pub instance: String,
}

impl Candidate {
    /// A process of that Deployment; its name is made unique by a random part, since a container
    /// that starts again keeps the name of its pod.
    pub fn new(namespace: String, name: Option<String>, pod: Option<&str>) -> Self {
        let pod = pod.unwrap_or("operator");
        Self {
            namespace,
            name: name.unwrap_or_else(|| "operator".to_owned()),
            instance: format!("{pod}-{}", random::suffix()),
        }
    }

    /// The name of the lease between the replicas.
    pub fn lease(&self) -> String {
        format!("{}-leader", self.name)
    }

    /// The name of the operator among others.
    fn release(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Whether this process leads, for its health and metrics.
#[derive(Default)]
pub struct Role(Mutex<Option<Arc<Seen>>>);

impl Role {
    /// What the watches of the present term have seen; nothing on standby.
    pub fn seen(&self) -> Option<Arc<Seen>> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.clone()
    }

    fn set(&self, seen: Option<Arc<Seen>>) {
        metrics::gauge!("operator_leader").set(if seen.is_some() { 1.0 } else { 0.0 });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

/// How to reach the API server. Tests put something of theirs before the wire.
pub struct Connections {
    config: Config,
    middle: Box<dyn Fn(Wire) -> Wire + Send + Sync>,
}

impl Connections {
    /// Straight to the API server.
    pub fn new(config: Config) -> Self {
        Self::through(config, |wire| wire)
    }

    /// Through `middle`, which sees every single attempt.
    pub fn through(config: Config, middle: impl Fn(Wire) -> Wire + Send + Sync + 'static) -> Self {
        Self {
            config,
            middle: Box::new(middle),
        }
    }

    fn open(&self, fence: &Fence) -> Result<Client, kube::Error> {
        connect_fenced(self.config.clone(), |wire| {
            fence.before((self.middle)(wire))
        })
    }
}

/// Leads whenever it can, until `stop`. `context` makes what a term needs.
pub async fn lead(
    connections: &Connections,
    candidate: &Candidate,
    scope: &Scope,
    (role, stop): (&Role, &CancellationToken),
    context: impl Fn(Client) -> Context,
) -> Result<(), kube::Error> {
    let token = Token::default();
    let fence = Fence::of_leader(token.clone());
    let elections = connections.open(&Fence::open())?;
    let name = candidate.lease();
    let place = (elections, candidate.namespace.as_str(), name.as_str());
    let mut lease = Holding::new(place, candidate.instance.clone(), LEADER, token.clone());
    role.set(None);
    while stop.run_until_cancelled(lease.until_held()).await.is_some() {
        tracing::info!(lease = name, "this operator leads");
        let claim_tokens = ClaimTokens::default();
        let all = Fence::of_claims(token.clone(), claim_tokens.clone());
        let claims = Claims::new(connections.open(&fence)?, candidate.release(), claim_tokens);
        let claims = Arc::new(claims);
        let keeping = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&claims).keep()));
        let context = context(connections.open(&all)?).fenced(all.clone(), claims);
        role.set(Some(Arc::clone(&context.seen)));
        let term = stop.child_token();
        let was_lost = {
            let _ended = term.clone().drop_guard();
            let controllers = controller::run(Arc::new(context), scope.clone(), term);
            tokio::select! {
                () = controllers => false,
                () = lease.until_lost() => true,
            }
        };
        drop(keeping);
        role.set(None);
        if was_lost {
            tracing::error!("the lease was lost; this operator stops writing and contends again");
        } else {
            end_term(&mut lease, &all).await;
            return Ok(());
        }
    }
    Ok(())
}

/// Gives the lease back when no write can have an effect any more.
async fn end_term(lease: &mut Holding, fence: &Fence) {
    let unsettled = fence.unsettled_for();
    if !unsettled.is_zero() {
        tokio::select! {
            () = sleep(unsettled) => {}
            () = lease.until_lost() => {}
        }
    }
    lease.release().await;
}
