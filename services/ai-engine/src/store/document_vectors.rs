//! The columns of `ai.indexed_documents` that say which model made the vectors of a document.

use shared_db::TenantTx;
use shared_models::DocumentId;
use sqlx::Row as _;

use crate::domain::index::model_change::EmbeddedCounts;

/// A document that the wanted model has not embedded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocumentToEmbed {
    pub(crate) id: DocumentId,
    pub(crate) title: String,
    pub(crate) version: i32,
}

/// The next document after that one that the model has not embedded.
pub(crate) async fn next_to_embed(
    tx: &mut TenantTx,
    model: &str,
    after: Option<DocumentId>,
) -> sqlx::Result<Option<DocumentToEmbed>> {
    let row = sqlx::query(
        "select id, title, active_version from ai.indexed_documents
         where active_version is not null and ($2::uuid is null or id > $2)
           and (vectors_model is distinct from $1 or vectors_version <> active_version)
         order by id limit 1",
    )
    .bind(model)
    .bind(after)
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(DocumentToEmbed {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            version: row.try_get("active_version")?,
        })
    })
    .transpose()
}

/// Whether that version is still the one that is searched.
pub(crate) async fn is_active(
    tx: &mut TenantTx,
    id: DocumentId,
    version: i32,
) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "select exists (select from ai.indexed_documents where id = $1 and active_version = $2)",
    )
    .bind(id)
    .bind(version)
    .fetch_one(tx.conn())
    .await
}

/// Records which model made the vectors of the active version, and its language if that is known;
/// false if another version is active by now.
pub(crate) async fn record(
    tx: &mut TenantTx,
    id: DocumentId,
    version: i32,
    model: &str,
    language: Option<&str>,
) -> sqlx::Result<bool> {
    let result = sqlx::query(
        "update ai.indexed_documents
         set vectors_model = $3, vectors_version = $2, language = $4
         where id = $1 and active_version = $2",
    )
    .bind(id)
    .bind(version)
    .bind(model)
    .bind(language)
    .execute(tx.conn())
    .await?;
    Ok(result.rows_affected() == 1)
}

/// How far the model is with the account.
pub(crate) async fn counts(tx: &mut TenantTx, model: &str) -> sqlx::Result<EmbeddedCounts> {
    let row = sqlx::query(
        "select d.documents, d.documents_done, q.questions, q.questions_done from
           (select count(*) as documents,
                   count(*) filter (where vectors_model = $1 and vectors_version = active_version)
                     as documents_done
            from ai.indexed_documents where active_version is not null) d,
           (select count(*) as questions,
                   count(*) filter (where model = $1 or next_model = $1) as questions_done
            from ai.qa_questions) q",
    )
    .bind(model)
    .fetch_one(tx.conn())
    .await?;
    Ok(EmbeddedCounts {
        documents: row.try_get("documents")?,
        documents_done: row.try_get("documents_done")?,
        questions: row.try_get("questions")?,
        questions_done: row.try_get("questions_done")?,
    })
}

/// The documents whose language is known (ISO 639-3), with the version that is searched.
pub(crate) async fn languages(tx: &mut TenantTx) -> sqlx::Result<Vec<(DocumentId, i32, String)>> {
    let rows = sqlx::query(
        "select id, active_version, language from ai.indexed_documents
         where active_version is not null and language is not null order by id",
    )
    .fetch_all(tx.conn())
    .await?;
    let language = |row: &sqlx::postgres::PgRow| {
        Ok((
            row.try_get("id")?,
            row.try_get("active_version")?,
            row.try_get("language")?,
        ))
    };
    rows.iter().map(language).collect()
}
