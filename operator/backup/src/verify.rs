//! Checks a backup by restoring it into a server that is thrown away: this program fetches and
//! opens it, an init container with PostgreSQL's programs loads it and reads the rows, and this
//! program compares them and opens every encrypted value.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;

use crate::archive::Opened;
use crate::config::OpenSettings;
use crate::dump::{self, FINGERPRINT, SETTINGS};
use crate::error::{Code, Failure};
use crate::files;
use crate::format::PartName;
use crate::report::Verified;
use crate::restore::{self, check_number};
use crate::sealed;

/// Creates the roles that the dump names.
const ROLES: &str = "roles.sql";
/// Reads what is compared.
const CHECK: &str = "check.sql";
/// What was read.
const FOUND: &str = "restored.csv";
/// How many files were read.
const FILES: &str = "files.count";

/// Checks the backup, reads all of its files, and puts the rest where the init container finds it.
pub async fn fetch(settings: &OpenSettings) -> Result<(), Failure> {
    let backup = Opened::new(settings).await?;
    sealed::check_keys(&backup.keys)?;
    let work = &settings.work;
    restore::remove(&work.join(FOUND))?;
    let files = if backup.has(PartName::Files) {
        backup.part(PartName::Files, files::check).await?
    } else {
        0
    };
    let files = check_number(backup.published.manifest.files, files)?;
    restore::write(&work.join(FILES), &files.to_string())?;
    restore::write(&work.join(ROLES), &roles(&backup.published.manifest.roles))?;
    restore::write(&work.join(CHECK), &check())?;
    restore::write_record(&backup, work)?;
    backup.write(PartName::Rows, dump::ROWS).await?;
    backup.write(PartName::Database, dump::DUMP).await?;
    tracing::info!(backup = %backup.name(), "backup fetched");
    Ok(())
}

fn roles(names: &[String]) -> String {
    names.iter().fold(String::new(), |mut text, name| {
        let name = name.replace('"', "\"\"");
        let _ = writeln!(text, "create role \"{name}\" nologin;");
        text
    })
}

/// A script for psql: the rows, the encrypted columns that this version does not know, and the
/// encrypted values.
fn check() -> String {
    format!(
        "\\pset format csv\n\\pset tuples_only on\n\
         begin isolation level repeatable read read only;\n{SETTINGS}\n\
         {FINGERPRINT}\n\\gexec\n\
         select 'unknown', name from ({}) as u;\n\
         {}\n\\gexec\ncommit;\n",
        sealed::unknown_columns(),
        sealed::listing()
    )
}

/// Compares what the init container has read, and opens every encrypted value.
pub async fn finish(settings: &OpenSettings, now: Timestamp) -> Result<Verified, Failure> {
    let backup = Opened::new(settings).await?;
    let found = settings.work.join(FOUND);
    let expected = settings.work.join(dump::ROWS);
    let rows = dump::compare(
        dump::lines_of(&expected, "rows")?,
        dump::lines_of(&found, "rows")?,
    )?;
    let unknown: Result<Vec<String>, Failure> = dump::lines_of(&found, "unknown")?.collect();
    let unknown = unknown?;
    if !unknown.is_empty() {
        return Err(sealed::unknown_column(&unknown.join(", ")));
    }
    let sealed_values = open_all(&backup, &found)?;
    let files = std::fs::read_to_string(settings.work.join(FILES));
    let files = files.map_err(|error| Failure::of_work(FILES, &error))?;
    Ok(Verified {
        backup: backup.name().clone(),
        verified: now,
        tenants: backup.published.manifest.tenants,
        rows,
        files: files.trim().parse().unwrap_or_default(),
        sealed_values,
    })
}

fn open_all(backup: &Opened<'_>, found: &Path) -> Result<u64, Failure> {
    let encryptor = sealed::encryptor(&backup.keys)?;
    let mut opened = 0;
    for line in dump::lines_of(found, "sealed")? {
        let line = line?;
        let mut fields = line.split(',');
        let mut next = || fields.next().unwrap_or_default();
        let (column, context, value) = (next(), next(), next());
        let context = text(context).ok_or_else(|| {
            let detail = format!("{}: a line cannot be read", found.display());
            Failure::new(Code::DumpInvalid, detail)
        })?;
        sealed::open(&encryptor, column, &context, value)?;
        opened += 1;
    }
    Ok(opened)
}

/// The text of hexadecimal digits.
fn text(digits: &str) -> Option<String> {
    let pairs = (0..digits.len()).step_by(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_back() {
        assert_eq!(text("6d61696c").as_deref(), Some("mail"));
        assert_eq!(text("6d616"), None);
        assert_eq!(text("zz"), None);
    }

    #[test]
    fn a_role_is_an_identifier_whatever_its_name() {
        let script = roles(&["auth_app".to_owned(), "x\"; drop".to_owned()]);
        assert_eq!(
            script,
            "create role \"auth_app\" nologin;\ncreate role \"x\"\"; drop\" nologin;\n"
        );
    }
}
