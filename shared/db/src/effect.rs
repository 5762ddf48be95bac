//! What belongs to a change and is not a row of its own feature: one trait for jobs, events, usage,
//! audit entries and revocations.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::TenantTx;

/// What is written within a transaction and may have to be followed up after its commit.
///
/// A caller that writes rows by hand can forget to wake those who wait for them. An effect
/// cannot: its `write` stores the rows and registers the rest with `after_commit`, and
/// `TenantTx::apply` or `SystemTx::apply` is the only step that the caller takes. `Tx` says in
/// which kind of transaction the effect is possible; an effect may implement both.
pub trait Effect<Tx = TenantTx>: Send {
    /// What the caller learns, such as the stored row.
    type Output;

    /// Writes the rows, and registers what follows a successful commit.
    fn write(self, tx: &mut Tx) -> impl Future<Output = sqlx::Result<Self::Output>> + Send;
}

/// What follows a commit, such as waking a worker. It must be quick, and its loss must be
/// harmless: the process may end between the commit and this.
type Action = Box<dyn FnOnce() + Send + Sync>;

/// Like [`Action`], and the commit returns only after it: what the caller is promised to find done.
/// It must end by itself within about a second.
type AwaitedAction = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// The actions of a transaction, in the order in which they were registered.
#[derive(Default)]
pub(crate) struct AfterCommit {
    actions: Vec<Action>,
    awaited: Vec<AwaitedAction>,
}

impl fmt::Debug for AfterCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterCommit")
            .field("actions", &self.actions.len())
            .field("awaited", &self.awaited.len())
            .finish()
    }
}

impl AfterCommit {
    pub(crate) fn push(&mut self, action: impl FnOnce() + Send + Sync + 'static) {
        self.actions.push(Box::new(action));
    }

    pub(crate) fn push_awaited<F>(&mut self, action: impl FnOnce() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.awaited.push(Box::new(move || Box::pin(action())));
    }

    pub(crate) async fn run(self) {
        for action in self.actions {
            action();
        }
        for action in self.awaited {
            action().await;
        }
    }
}
