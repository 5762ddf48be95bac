//! What additions to the library are charged for.

use shared_db::TenantTx;
use shared_quota::{ChargeError, Quota};

use crate::domain::library::NewFile;
use crate::state::AppState;

/// Refuses a new document that exceeds a quota. It belongs before the insertion.
pub(crate) async fn charge_document(
    app: &AppState,
    tx: &mut TenantTx,
    file: &NewFile,
) -> Result<(), ChargeError> {
    charge(app, tx, Quota::Documents, 1).await?;
    charge_version(app, tx, file).await
}

/// Refuses a new file of a document that exceeds a quota: the earlier files stay beside it.
pub(crate) async fn charge_version(
    app: &AppState,
    tx: &mut TenantTx,
    file: &NewFile,
) -> Result<(), ChargeError> {
    let bytes = file.file_size.unsigned_abs();
    charge(app, tx, Quota::StorageBytes, bytes).await
}

async fn charge(
    app: &AppState,
    tx: &mut TenantTx,
    quota: Quota,
    amount: u64,
) -> Result<(), ChargeError> {
    let announce = |reached| app.events.publication(reached);
    app.quotas.charge(tx, quota, amount, announce).await
}
