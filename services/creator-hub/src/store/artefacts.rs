//! `hub.artefacts`: what was derived from the file of a document.

use shared_ai_client::TextArtefact;
use shared_db::TenantTx;
use shared_models::{ContentHash, DocumentId};
use sqlx::Row as _;

use crate::domain::extraction::EXTRACTION;

/// The text of a document, if it was extracted by the rules of this version.
pub(crate) async fn find(
    tx: &mut TenantTx,
    document: DocumentId,
) -> sqlx::Result<Option<TextArtefact>> {
    let row = sqlx::query(
        "select content_hash, size from hub.artefacts
         where document_id = $1 and kind = 'text' and extraction = $2",
    )
    .bind(document)
    .bind(EXTRACTION)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        let hash: Vec<u8> = row.try_get("content_hash")?;
        // CHECKs of the table guarantee the length, and that the size is positive.
        let hash = <[u8; 32]>::try_from(hash).unwrap_or_default();
        let size: i64 = row.try_get("size")?;
        Ok(TextArtefact {
            hash: ContentHash::from(hash),
            size: size.unsigned_abs(),
        })
    })
    .transpose()
}

/// Records the text of a document, in place of an earlier one.
pub(crate) async fn save(
    tx: &mut TenantTx,
    document: DocumentId,
    text: &TextArtefact,
) -> sqlx::Result<()> {
    let tenant = tx.creator();
    sqlx::query(
        "insert into hub.artefacts (creator_id, document_id, kind, extraction, content_hash, size)
         values ($1, $2, 'text', $3, $4, $5)
         on conflict (creator_id, document_id, kind) do update
         set extraction = excluded.extraction, content_hash = excluded.content_hash,
             size = excluded.size, created_at = now()",
    )
    .bind(tenant)
    .bind(document)
    .bind(EXTRACTION)
    .bind(text.hash.as_bytes())
    .bind(i64::try_from(text.size).unwrap_or(i64::MAX))
    .execute(tx.conn())
    .await
    .map(|_| ())
}
