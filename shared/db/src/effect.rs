//! What belongs to a change and is not a row of its own feature: one trait for jobs, events, usage,
//! audit entries and revocations.

use std::fmt;
use std::future::Future;

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

/// The actions of a transaction, in the order in which they were registered.
#[derive(Default)]
pub(crate) struct AfterCommit(Vec<Action>);

impl fmt::Debug for AfterCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfterCommit").field(&self.0.len()).finish()
    }
}

impl AfterCommit {
    pub(crate) fn push(&mut self, action: impl FnOnce() + Send + Sync + 'static) {
        self.0.push(Box::new(action));
    }

    pub(crate) fn run(self) {
        for action in self.0 {
            action();
        }
    }
}
