//! Who may see a document, from `hub.documents` and `hub.collection_documents`, as ai-engine is
//! told.

use shared_ai_client::DocumentAccess;
use shared_db::TenantTx;
use shared_models::{CollectionId, DocumentId, Visibility};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// Raises the revisions of documents whose access has changed, and returns what holds now. Those
/// that are being erased are left out.
pub(crate) async fn raise(
    tx: &mut TenantTx,
    documents: &[DocumentId],
) -> sqlx::Result<Vec<DocumentAccess>> {
    let ids: Vec<Uuid> = documents.iter().map(DocumentId::as_uuid).collect();
    let rows = sqlx::query(
        "update hub.documents d set access_revision = access_revision + 1
         where id = any ($1) and state <> 'erasing'
         returning id, access_revision, visibility, array(
           select collection_id from hub.collection_documents c
           where c.document_id = d.id order by collection_id) as collections",
    )
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(read).collect()
}

/// Who may see a document; none if that was never changed.
pub(crate) async fn find(
    tx: &mut TenantTx,
    document: DocumentId,
) -> sqlx::Result<Option<DocumentAccess>> {
    let row = sqlx::query(
        "select id, access_revision, visibility, array(
           select collection_id from hub.collection_documents c
           where c.document_id = d.id order by collection_id) as collections
         from hub.documents d where id = $1 and access_revision > 0",
    )
    .bind(document)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &PgRow) -> sqlx::Result<DocumentAccess> {
    let collections: Vec<Uuid> = row.try_get("collections")?;
    Ok(DocumentAccess {
        document: row.try_get("id")?,
        revision: row.try_get("access_revision")?,
        // A CHECK of the table guarantees a known name.
        visibility: Visibility::from_name(row.try_get("visibility")?).unwrap_or_default(),
        collections: collections.into_iter().map(CollectionId::from).collect(),
    })
}
