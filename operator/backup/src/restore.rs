//! Restores a backup into a new platform, in three steps: this program fetches and opens it, an
//! init container with PostgreSQL's programs loads the dump, and this program finishes.

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::runtime::Handle;

use crate::archive::Opened;
use crate::config::RestoreSettings;
use crate::database::{self, Progress, State};
use crate::dump::{self, Comparison};
use crate::error::{Code, Failure};
use crate::files;
use crate::format::PartName;
use crate::report::Restored;
use crate::sealed;

/// The file whose presence tells the init container that nothing is to be loaded.
const LOADED: &str = "loaded";
/// The statement that the init container adds to the dump.
pub const RECORD: &str = "loaded.sql";

/// Checks the backup and the database, and puts the dump where the init container finds it.
pub async fn fetch(settings: &RestoreSettings) -> Result<(), Failure> {
    let backup = Opened::new(&settings.open).await?;
    sealed::check_keys(&backup.keys)?;
    let mut connection = database::connect(&settings.admin).await?;
    let work = &settings.open.work;
    remove(&work.join(LOADED))?;
    if database::state(&mut connection, backup.name()).await? != State::Empty {
        tracing::info!(backup = %backup.name(), "the dump is loaded already");
        write(&work.join(LOADED), "")?;
        return backup.write(PartName::Rows, dump::ROWS).await;
    }
    database::create_roles(&mut connection, &backup.published.manifest.roles).await?;
    write_record(&backup, work)?;
    backup.write(PartName::Rows, dump::ROWS).await?;
    backup.write(PartName::Database, dump::DUMP).await?;
    tracing::info!(backup = %backup.name(), "backup fetched");
    Ok(())
}

/// The statement with which the init container records what it has loaded.
pub fn write_record(backup: &Opened<'_>, work: &Path) -> Result<(), Failure> {
    let progress = Progress {
        restored_from: backup.name().clone(),
        report: None,
    };
    let statement = database::record(&progress)?;
    write(&work.join(RECORD), &format!("\n{statement};\n"))
}

/// Compares the loaded rows with the backup, encrypts what is encrypted with the key of the new
/// platform, puts the files into their place and has the vectors made again.
pub async fn finish(settings: &RestoreSettings, now: Timestamp) -> Result<Restored, Failure> {
    let backup = Opened::new(&settings.open).await?;
    let mut connection = database::connect(&settings.admin).await?;
    match database::state(&mut connection, backup.name()).await? {
        State::Finished(report) => return Ok(report),
        State::Loaded => {}
        State::Empty => {
            let detail = "the dump was not loaded into the database";
            return Err(Failure::new(Code::DatabaseFailed, detail));
        }
    }
    let rows = compare(&mut connection, settings.open.work.join(dump::ROWS)).await?;
    sealed::check_columns(&mut connection).await?;
    let new = &settings.data_keys;
    let counts = sealed::reencrypt(&mut connection, &backup.keys, new).await?;
    let files = place_files(&backup, settings.files.clone()).await?;
    let report = Restored {
        backup: backup.name().clone(),
        restored: now,
        tenants: backup.published.manifest.tenants,
        rows,
        files,
        sealed_values: counts.opened,
        unreadable_values: counts.unreadable,
    };
    let progress = Progress {
        restored_from: backup.name().clone(),
        report: Some(report.clone()),
    };
    let mut tx = connection.begin().await?;
    database::forget_vectors(&mut tx).await?;
    let statement = database::record(&progress)?;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(report)
}

/// Compares the rows of the database with those of the backup; how many there are.
pub async fn compare(connection: &mut PgConnection, expected: PathBuf) -> Result<u64, Failure> {
    let mut tx = connection.begin().await?;
    let begin = "set transaction isolation level repeatable read, read only";
    sqlx::raw_sql(begin).execute(&mut *tx).await?;
    sqlx::raw_sql(dump::SETTINGS).execute(&mut *tx).await?;
    let statements: Vec<String> = sqlx::query_scalar(dump::FINGERPRINT)
        .fetch_all(&mut *tx)
        .await?;
    let mut comparison = Comparison::new(dump::lines_of(&expected, "rows")?);
    for statement in statements {
        let mut rows = sqlx::query(AssertSqlSafe(statement)).fetch(&mut *tx);
        while let Some(row) = rows.try_next().await? {
            let text = |name: &str| row.try_get::<Option<String>, _>(name);
            let fields = [
                text("name")?,
                text("tenant")?,
                text("rows")?,
                text("checksum")?,
            ];
            comparison.next(&fields.map(Option::unwrap_or_default).join(","))?;
        }
    }
    comparison.finish()
}

async fn place_files(backup: &Opened<'_>, root: Option<PathBuf>) -> Result<u64, Failure> {
    let expected = backup.published.manifest.files;
    let Some(root) = root else {
        if expected == 0 {
            return Ok(0);
        }
        let detail = format!("the backup has {expected} files, and there is no folder for them");
        return Err(Failure::new(Code::FilesDiffer, detail));
    };
    if !backup.has(PartName::Files) {
        return Ok(0);
    }
    let runtime = Handle::current();
    let placing = move |content: &mut dyn std::io::Read| files::place(&runtime, &root, content);
    let placed = backup.part(PartName::Files, placing).await?;
    check_number(expected, placed)
}

/// Refuses another number of files than there were.
pub fn check_number(expected: u64, found: u64) -> Result<u64, Failure> {
    if expected == found {
        return Ok(found);
    }
    let detail = format!("the backup has {found} files instead of {expected}");
    Err(Failure::new(Code::FilesDiffer, detail))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::write(path, text);
    written.map_err(|error| Failure::of_work(&path.display().to_string(), &error))
}

pub(crate) fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::of_work(&path.display().to_string(), &error))
        }
        _ => Ok(()),
    }
}
