//! Twenty documents of a tenant, read by one statement in three ways.

use std::fmt::Write as _;
use std::str::FromStr as _;

use jiff::Timestamp;
use serde::Serialize;
use shared_config::Service;
use shared_db::Db;
use shared_models::{CreatorId, DocumentId};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _, SqlSafeStr as _};

use crate::servers::Platform;

/// Creator-hub's statement. Row-level security adds the tenant.
const PROTECTED: &str = "select * from hub.documents
    where state <> 'erasing' and ($1::text is null or state = $1)
      and ($2::text is null or $2 = any (tags)) and ($3::uuid is null or id < $3)
    order by id desc limit $4";
/// The same with the tenant written down.
const EXPLICIT: &str = "select * from hub.documents
    where creator_id = $5 and state <> 'erasing' and ($1::text is null or state = $1)
      and ($2::text is null or $2 = any (tags)) and ($3::uuid is null or id < $3)
    order by id desc limit $4";
/// A page and the row that tells whether another one follows.
const ROWS: i64 = 21;

/// The two roads to the table.
#[derive(Clone)]
pub(crate) struct Roads {
    protected: Db,
    /// As superuser, whom no policy concerns.
    free: PgPool,
}

impl Roads {
    pub(crate) async fn new(platform: &Platform) -> Self {
        let settings = platform.database(Service::CreatorHub);
        let admin = PgConnectOptions::from_str(&platform.stores.postgres).unwrap();
        let free = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .test_before_acquire(false)
            .connect_with(admin.database(&settings.name));
        Self {
            protected: Db::new(&settings),
            free: free.await.unwrap(),
        }
    }

    /// Forty documents for each of the callers, and 5000 of other tenants.
    pub(crate) async fn fill(&self, creators: &[CreatorId]) {
        let ids: Vec<_> = creators.iter().map(CreatorId::as_uuid).collect();
        let statement = "insert into hub.documents (creator_id, id, title, description, tags,
                filename, kind, file_size, content_hash, state, chunk_count)
            select tenant, gen_random_uuid(), 'Sleep guide ' || number, 'What helps at night.',
                '{sleep,night}', 'sleep-guide.md', 'md', 4711,
                sha256((tenant::text || number)::bytea), 'ready', 12
            from unnest($1::uuid[] || array(select gen_random_uuid() from generate_series(1, 125)))
                as tenant, generate_series(1, 40) as number";
        let filled = sqlx::query(statement).bind(ids).execute(&self.free);
        filled.await.unwrap();
        let analyse = sqlx::query("analyze hub.documents").execute(&self.free);
        analyse.await.unwrap();
    }

    /// As the services read: the transaction names the tenant, and the policy filters.
    pub(crate) async fn protected(&self, creator: CreatorId) -> Vec<Document> {
        let mut tx = self.protected.tenant_read(creator).await.unwrap();
        let query = sqlx::query(PROTECTED).bind(None::<&str>).bind(None::<&str>);
        let query = query.bind(None::<uuid::Uuid>).bind(ROWS);
        read(&query.fetch_all(tx.conn()).await.unwrap())
    }

    /// In a transaction that trusts the statement.
    #[expect(clippy::disallowed_methods, reason = "to be compared with")]
    pub(crate) async fn explicit(&self, creator: CreatorId) -> Vec<Document> {
        let begin = AssertSqlSafe("BEGIN READ ONLY").into_sql_str();
        let mut tx = self.free.begin_with(begin).await.unwrap();
        let connection: &mut PgConnection = &mut tx;
        let query = sqlx::query(EXPLICIT).bind(None::<&str>).bind(None::<&str>);
        let query = query.bind(None::<uuid::Uuid>).bind(ROWS).bind(creator);
        read(&query.fetch_all(connection).await.unwrap())
    }

    /// Without a transaction.
    pub(crate) async fn autocommit(&self, creator: CreatorId) -> Vec<Document> {
        let query = sqlx::query(EXPLICIT).bind(None::<&str>).bind(None::<&str>);
        let query = query.bind(None::<uuid::Uuid>).bind(ROWS).bind(creator);
        read(&query.fetch_all(&self.free).await.unwrap())
    }
}

/// What creator-hub answers for a document.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    pub(crate) id: DocumentId,
    title: String,
    description: Option<String>,
    tags: Vec<String>,
    filename: String,
    #[serde(rename = "document_type")]
    kind: String,
    file_size: i64,
    content_hash: String,
    state: String,
    version: i32,
    chunk_count: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn read(rows: &[PgRow]) -> Vec<Document> {
    let time = |row: &PgRow, name: &str| row.get::<jiff_sqlx::Timestamp, _>(name).to_jiff();
    let document = |row: &PgRow| Document {
        id: row.get("id"),
        title: row.get("title"),
        description: row.get("description"),
        tags: row.get("tags"),
        filename: row.get("filename"),
        kind: row.get("kind"),
        file_size: row.get("file_size"),
        content_hash: hexadecimal(row.get("content_hash")),
        state: row.get("state"),
        version: row.get("version"),
        chunk_count: row.get("chunk_count"),
        error: row.get("error_reason"),
        created_at: time(row, "created_at"),
        updated_at: time(row, "updated_at"),
    };
    rows.iter().map(document).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}
