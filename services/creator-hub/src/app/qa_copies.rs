//! Sends question-and-answer pairs to ai-engine, which answers with them. A job that is committed
//! with the change sends them in any case; a request after the commit does before the caller gets
//! its response.

use std::time::Duration;

use shared_ai_client::{PAIRS_PER_REQUEST, QaPairChanges};
use shared_db::TenantTx;
use shared_models::{CreatorId, QaPairId};
use tokio::time::timeout;

use crate::error::Error;
use crate::jobs::send_qa_pairs::SendQaPairs;
use crate::state::AppState;
use crate::store::qa_pairs;

/// Longest wait for ai-engine; after that the jobs alone send the pairs.
const APPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// Changes that ai-engine is to get after the commit.
#[must_use]
pub(super) struct ChangedPairs(Vec<QaPairChanges>);

/// Records that pairs have changed or are gone, in the transaction of the change, behind it.
pub(super) async fn changed(
    app: &AppState,
    tx: &mut TenantTx,
    ids: &[QaPairId],
) -> Result<ChangedPairs, Error> {
    let mut changes = Vec::new();
    for some in ids.chunks(PAIRS_PER_REQUEST) {
        app.jobs.enqueue(tx, SendQaPairs::of(some)?).await?;
        changes.push(current(tx, some).await?);
    }
    Ok(ChangedPairs(changes))
}

/// Pairs as they are now.
pub(crate) async fn current(tx: &mut TenantTx, ids: &[QaPairId]) -> sqlx::Result<QaPairChanges> {
    let pairs = qa_pairs::copies(tx, ids).await?;
    let is_gone = |id: &&QaPairId| pairs.iter().all(|pair| pair.id != **id);
    let deleted = ids.iter().filter(is_gone).copied().collect();
    Ok(QaPairChanges { pairs, deleted })
}

impl ChangedPairs {
    /// Has ai-engine take the changes now, if it answers soon.
    pub(super) async fn apply(self, app: &AppState, tenant: CreatorId) {
        let applied = timeout(APPLY_TIMEOUT, async {
            for changes in &self.0 {
                app.ai.set_qa_pairs(tenant, changes).await?;
            }
            Ok::<_, shared_ai_client::AiError>(())
        });
        match applied.await {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => {
                tracing::info!(%cause, "pairs not sent to ai-engine; the job will send them");
            }
            Err(_) => tracing::info!("ai-engine is slow; the job will send it the pairs"),
        }
    }
}
