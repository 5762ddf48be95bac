//! What the init container has left: the dump, and the lines that were read in its snapshot.
//!
//! The lines are CSV without quotes: `fingerprint,1`, `migration,N`, `tenants,N`, `role,NAME`, then
//! `rows,TABLE,TENANT,ROWS,CHECKSUM` and `file,TENANT/NAME`, both in a fixed order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use crate::error::{Code, Failure};

/// The dump of the database.
pub const DUMP: &str = "database.dump";
/// The lines beside it.
pub const LINES: &str = "database.csv";
/// The rows of the backup, when it is restored or verified.
pub const ROWS: &str = "rows.csv";
/// The version of [`FINGERPRINT`]: checksums of two versions cannot be compared.
const FINGERPRINT_VERSION: &str = "1";
/// The query whose results are the statements that give the lines `rows`.
pub const FINGERPRINT: &str = include_str!("../assets/fingerprint.sql");
/// Settings under which a row has the same text everywhere.
pub const SETTINGS: &str = "
    set local statement_timeout = 0;
    set local idle_in_transaction_session_timeout = 0;
    set local lock_timeout = 0;
    set local row_security = off;
    set local timezone = 'UTC';
    set local datestyle = 'ISO, MDY';
    set local intervalstyle = 'postgres';
    set local extra_float_digits = 1;
    set local bytea_output = 'hex';
    set local search_path = '';";

/// What the lines say in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// The newest migration.
    pub migration: i64,
    /// Accounts.
    pub tenants: u64,
    /// Roles that the dump names.
    pub roles: Vec<String>,
    /// Rows of each table that has any.
    pub tables: BTreeMap<String, u64>,
    /// Rows of all tables.
    pub rows: u64,
}

/// Reads the lines of a file; an error is one of the pod's volume.
pub fn lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<String, Failure>> + use<>, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Failure::of_work(&name, &error))?;
    let lines = BufReader::new(file).lines();
    Ok(lines.map(move |line| line.map_err(|error| Failure::of_work(&name, &error))))
}

/// The lines of a kind, each without the kind.
pub fn lines_of(
    path: &Path,
    kind: &'static str,
) -> Result<impl Iterator<Item = Result<String, Failure>> + use<>, Failure> {
    Ok(lines(path)?.filter_map(move |line| match line {
        Ok(line) => {
            let rest = line.strip_prefix(kind)?.strip_prefix(',')?;
            Some(Ok(rest.to_owned()))
        }
        Err(failure) => Some(Err(failure)),
    }))
}

/// What the lines say in all.
pub fn summarise(path: &Path) -> Result<Summary, Failure> {
    let invalid = |line: &str| {
        let detail = format!("{}: {line:?} was not expected", path.display());
        Failure::new(Code::DumpInvalid, detail)
    };
    let (mut summary, mut version) = (Summary::default(), None);
    for line in lines(path)? {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        let number = |text: &str| text.parse::<u64>().map_err(|_| invalid(&line));
        match fields[..] {
            ["fingerprint", found] => version = Some(found.to_owned()),
            ["migration", found] => {
                summary.migration = found.parse().map_err(|_| invalid(&line))?;
            }
            ["tenants", found] => summary.tenants = number(found)?,
            ["role", name] => summary.roles.push(name.to_owned()),
            ["rows", table, _, rows, _] => {
                let rows = number(rows)?;
                *summary.tables.entry(table.to_owned()).or_default() += rows;
                summary.rows += rows;
            }
            ["file", _] => {}
            _ => return Err(invalid(&line)),
        }
    }
    if version.as_deref() == Some(FINGERPRINT_VERSION) && summary.migration > 0 {
        Ok(summary)
    } else {
        let detail = format!("{}: the dump is not complete", path.display());
        Err(Failure::new(Code::DumpInvalid, detail))
    }
}

/// The first line in which two lists of rows differ, told by table and number of rows only.
pub fn compare(
    expected: impl Iterator<Item = Result<String, Failure>>,
    found: impl Iterator<Item = Result<String, Failure>>,
) -> Result<u64, Failure> {
    let mut comparison = Comparison::new(expected);
    for line in found {
        comparison.next(&line?)?;
    }
    comparison.finish()
}

/// A comparison that is given one line after the other.
pub struct Comparison<I> {
    expected: I,
    rows: u64,
}

impl<I: Iterator<Item = Result<String, Failure>>> Comparison<I> {
    /// A comparison with these lines.
    pub const fn new(expected: I) -> Self {
        Self { expected, rows: 0 }
    }

    /// Compares a line.
    pub fn next(&mut self, found: &str) -> Result<(), Failure> {
        let expected = self.expected.next().transpose()?;
        if expected.as_deref() == Some(found) {
            self.rows += Row::read(found).rows;
            return Ok(());
        }
        Err(differ(expected.as_deref(), Some(found)))
    }

    /// All rows, if no line is left over.
    pub fn finish(mut self) -> Result<u64, Failure> {
        match self.expected.next().transpose()? {
            None => Ok(self.rows),
            Some(expected) => Err(differ(Some(&expected), None)),
        }
    }
}

/// A line `rows`, without its kind.
struct Row<'a> {
    table: &'a str,
    tenant: &'a str,
    rows: u64,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Self {
        let mut fields = line.split(',');
        let mut next = || fields.next().unwrap_or_default();
        Self {
            table: next(),
            tenant: next(),
            rows: next().parse().unwrap_or_default(),
        }
    }
}

fn differ(expected: Option<&str>, found: Option<&str>) -> Failure {
    let detail = match (expected.map(Row::read), found.map(Row::read)) {
        (Some(expected), Some(found))
            if (expected.table, expected.tenant) == (found.table, found.tenant) =>
        {
            let (table, before, now) = (expected.table, expected.rows, found.rows);
            if before == now {
                format!("{table}: {now} rows of an account have another content than before")
            } else {
                format!("{table}: an account has {now} rows instead of {before}")
            }
        }
        (Some(expected), Some(found)) if expected.table > found.table => {
            format!("{}: there are rows that were not there", found.table)
        }
        (None, Some(found)) => format!("{}: there are rows that were not there", found.table),
        (Some(expected), _) => {
            format!(
                "{}: {} rows of an account are not there",
                expected.table, expected.rows
            )
        }
        (None, None) => "nothing".to_owned(),
    };
    Failure::new(Code::RowCountsDiffer, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(expected: &[&str], found: &[&str]) -> Result<u64, String> {
        let lines = |lines: &[&str]| -> Vec<Result<String, Failure>> {
            lines.iter().map(|line| Ok((*line).to_owned())).collect()
        };
        let compared = compare(lines(expected).into_iter(), lines(found).into_iter());
        compared.map_err(|failure| failure.detail)
    }

    #[test]
    fn a_difference_is_told_without_the_account() {
        let before = [
            "auth.users,t1,2,11",
            "auth.users,t2,1,7",
            "hub.documents,t1,4,9",
        ];
        assert_eq!(compared(&before, &before), Ok(7));
        let told = |found: &[&str]| compared(&before, found).unwrap_err();
        let content = told(&["auth.users,t1,2,12", before[1], before[2]]);
        assert!(
            content.contains("auth.users: 2 rows") && !content.contains("t1"),
            "{content}"
        );
        let count = told(&["auth.users,t1,3,12", before[1], before[2]]);
        assert!(count.contains("3 rows instead of 2"), "{count}");
        let lost = told(&before[..2]);
        assert!(
            lost.contains("hub.documents: 4 rows of an account are not there"),
            "{lost}"
        );
        let more = told(&[before[0], before[1], before[2], "hub.documents,t2,1,1"]);
        assert!(more.contains("hub.documents: there are rows"), "{more}");
        let table = told(&[before[0], before[1], "channel.messages,t1,4,9"]);
        assert!(
            table.contains("channel.messages: there are rows"),
            "{table}"
        );
    }

    #[test]
    fn an_interrupted_list_is_no_summary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LINES);
        let summary = |text: &str| {
            std::fs::write(&path, text).unwrap();
            summarise(&path).map_err(|failure| failure.code)
        };
        let head = "fingerprint,1\nmigration,57\ntenants,2\nrole,auth_app\n";
        let rows = "rows,auth.users,t1,2,5\nrows,auth.users,t2,1,5\nfile,t1/text-x\n";
        let whole = summary(&format!("{head}{rows}")).unwrap();
        assert_eq!((whole.migration, whole.tenants, whole.rows), (57, 2, 3));
        assert_eq!(whole.tables, BTreeMap::from([("auth.users".to_owned(), 3)]));
        assert_eq!(whole.roles, ["auth_app"]);
        let of_later_release = head.replace("fingerprint,1", "fingerprint,2");
        for text in [
            "",
            "migration,57\n",
            "ERROR:  permission denied\n",
            &of_later_release,
        ] {
            assert_eq!(summary(text), Err(Code::DumpInvalid), "{text}");
        }
    }
}
