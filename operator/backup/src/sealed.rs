//! The columns of the database that are encrypted with `DATA_KEY`: how each value is opened, and
//! how all of them are encrypted again with the key of another platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use shared_config::{Reader, Secret, keys};
use shared_crypto::{DataKeys, EncryptionError, Encryptor};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::error::{Code, Failure};

/// Values of one transaction.
const BATCH: i64 = 200;
/// The beginning of every encrypted value.
const FORMAT: &str = "s1.";

/// A column of encrypted values, in SQL.
#[derive(Debug)]
pub struct Column {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The context that a value is encrypted for.
    context: &'static str,
    /// The value as text.
    value: &'static str,
    /// The stored form of the parameter `$1`, which is text.
    stored: &'static str,
    /// Whether the platform does not start without its values.
    is_essential: bool,
}

const fn column(table: &'static str, name: &'static str, context: &'static str) -> Column {
    Column {
        table,
        name,
        context,
        value: name,
        stored: "$1",
        is_essential: false,
    }
}

/// All of them. A test compares them with what the schema says.
pub const COLUMNS: [Column; 5] = [
    Column {
        is_essential: true,
        ..column("auth.signing_keys", "seed", "'signing key ' || kid")
    },
    column("auth.totp", "secret", "'totp ' || user_id"),
    column("auth.mail_outbox", "body", "'mail ' || id"),
    column(
        "auth.audit_checkpoints",
        "sealed_hash",
        "'audit ' || creator_id || ' ' || seq",
    ),
    // Only answers with a secret are encrypted; others are JSON of another kind.
    Column {
        value: "(body #>> '{}')",
        stored: "to_jsonb($1::text)",
        ..column(
            "platform.idempotency_keys",
            "body",
            "'answer ' || creator_id || ' ' || route || ' ' || key",
        )
    },
];

/// Names the encrypted columns of a database that are not among [`COLUMNS`].
pub fn unknown_columns() -> String {
    let known = COLUMNS.map(|column| format!("'{}.{}'", column.table, column.name));
    format!(
        "select n.nspname || '.' || c.relname || '.' || a.attname as name
         from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relkind in ('r', 'p') and col_description(c.oid, a.attnum) = 'sealed'
           and n.nspname || '.' || c.relname || '.' || a.attname not in ({})",
        known.join(", ")
    )
}

/// A query whose results are statements that give lines `sealed,COLUMN,CONTEXT,VALUE`, with the
/// context in hexadecimal, for the columns that the database has.
pub fn listing() -> String {
    let mut rows = String::new();
    for column in &COLUMNS {
        let Column {
            table,
            name,
            context,
            value,
            ..
        } = column;
        let statement = format!(
            "select 'sealed', '{table}.{name}', encode(convert_to({context}, 'UTF8'), 'hex'), \
             {value} from {table} where {value} like '{FORMAT}%'"
        );
        let statement = statement.replace('\'', "''");
        let comma = if rows.is_empty() { "" } else { ",\n" };
        let _ = write!(rows, "{comma}('{table}', '{statement}')");
    }
    format!(
        "select statement from (values {rows}) as c (name, statement) \
         where to_regclass(c.name) is not null"
    )
}

/// How opening values went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Values that were opened.
    pub opened: u64,
    /// Values of another key, or damaged ones.
    pub unreadable: u64,
}

/// The encryptor with the keys of a backup.
pub fn encryptor(kept: &BTreeMap<String, String>) -> Result<Encryptor, Failure> {
    Ok(Encryptor::new(&data_keys(kept)?))
}

fn data_keys(kept: &BTreeMap<String, String>) -> Result<DataKeys, Failure> {
    let mut reader = Reader::from_map(kept.clone());
    let data_keys = DataKeys::from_reader(&mut reader);
    reader.finish(data_keys).map_err(|problems| {
        let detail = format!("the keys of the backup cannot be used: {problems}");
        Failure::new(Code::BackupAltered, detail)
    })
}

/// Opens a listed value.
pub fn open(
    encryptor: &Encryptor,
    column: &str,
    context: &str,
    value: &str,
) -> Result<Secret<Vec<u8>>, Failure> {
    match encryptor.decrypt(context, value) {
        Ok(decrypted) => Ok(decrypted.plaintext),
        Err(error) => Err(unreadable(column, &error)),
    }
}

fn unreadable(column: &str, error: &EncryptionError) -> Failure {
    let detail = format!("{column}: {error}");
    Failure::new(Code::SealedValueUnreadable, detail)
}

/// Refuses a database with encrypted columns that this version does not know.
pub async fn check_columns(connection: &mut PgConnection) -> Result<(), Failure> {
    let query = AssertSqlSafe(unknown_columns());
    let unknown: Vec<String> = sqlx::query_scalar(query).fetch_all(connection).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    Err(unknown_column(&unknown.join(", ")))
}

/// The failure of such a column.
pub fn unknown_column(names: &str) -> Failure {
    let detail = format!("this version cannot encrypt {names} again; use a later version");
    Failure::new(Code::SealedColumnUnknown, detail)
}

/// Encrypts all values again. Each batch is a transaction of its own, and what is done is not done
/// again: an interrupted run is repeated.
pub async fn reencrypt(
    connection: &mut PgConnection,
    kept: &BTreeMap<String, String>,
    new: &DataKeys,
) -> Result<Counts, Failure> {
    let old = encryptor(kept)?;
    let new = Encryptor::new(new);
    let mut counts = Counts::default();
    for column in &COLUMNS {
        let exists: bool = sqlx::query_scalar("select to_regclass($1) is not null")
            .bind(column.table)
            .fetch_one(&mut *connection)
            .await?;
        if exists {
            let of_column = reencrypt_column(connection, column, &old, &new).await?;
            counts.opened += of_column.opened;
            counts.unreadable += of_column.unreadable;
        }
    }
    Ok(counts)
}

async fn reencrypt_column(
    connection: &mut PgConnection,
    column: &Column,
    old: &Encryptor,
    new: &Encryptor,
) -> Result<Counts, Failure> {
    let Column {
        table,
        name,
        context,
        value,
        ..
    } = column;
    // A changed row moves behind all others, where its key tells that it is done.
    let select = format!(
        "select ctid::text as place, {context} as context, {value} as value from {table}
         where ctid > $1::tid and {value} like '{FORMAT}%' and not starts_with({value}, $2)
         order by ctid limit {BATCH} for update"
    );
    let update = format!(
        "update {table} set {name} = {} where ctid = $2::tid",
        column.stored
    );
    let done = key_of(new)?;
    let (mut counts, mut after) = (Counts::default(), "(0,0)".to_owned());
    loop {
        let mut tx = connection.begin().await?;
        let select = sqlx::query(AssertSqlSafe(select.clone()));
        let rows = select.bind(&after).bind(&done).fetch_all(&mut *tx).await?;
        for row in &rows {
            after = row.try_get("place")?;
            let of: String = row.try_get("context")?;
            let stored: String = row.try_get("value")?;
            let plaintext = match old.decrypt(&of, &stored) {
                Ok(decrypted) => decrypted.plaintext,
                Err(error) if column.is_essential => {
                    return Err(unreadable(&format!("{table}.{name}"), &error));
                }
                Err(error) => {
                    tracing::warn!(table, %error, "an encrypted value stays as it is");
                    counts.unreadable += 1;
                    continue;
                }
            };
            let again = new.encrypt(&of, plaintext.expose());
            let again = again.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
            let update = sqlx::query(AssertSqlSafe(update.clone()));
            update.bind(again).bind(&after).execute(&mut *tx).await?;
            counts.opened += 1;
        }
        tx.commit().await?;
        if rows.is_empty() {
            return Ok(counts);
        }
    }
}

/// The beginning of what is encrypted with the current key.
fn key_of(encryptor: &Encryptor) -> Result<String, Failure> {
    let probe = encryptor.encrypt("the name of the key", b"");
    let probe = probe.map_err(|error| Failure::new(Code::Internal, error.to_string()))?;
    let end = probe.rfind('.').map_or(0, |at| at + 1);
    Ok(probe[..end].to_owned())
}

/// The value of `DATA_KEY` in a backup must be there.
pub fn check_keys(kept: &BTreeMap<String, String>) -> Result<(), Failure> {
    if kept.contains_key(keys::DATA_KEY) {
        return Ok(());
    }
    let detail = "the backup has no DATA_KEY";
    Err(Failure::new(Code::BackupAltered, detail))
}
