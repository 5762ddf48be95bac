//! Whether this version may work on a database that a newer version has migrated.
//!
//! Migrations expand the schema, so that the version before keeps working while they run. A
//! migration that older versions cannot live with raises `platform.schema_compatibility` in its own
//! transaction: how far back a database allows cannot differ from what was done to it.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;

/// What the database holds, compared with what this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Nothing that this version does not know: it migrates.
    Known,
    /// Migrations of a newer version, which this one can work with: it leaves the schema alone.
    Newer {
        /// The newest of them.
        newest: i64,
    },
}

/// Why this version must not work on the database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Incompatible {
    /// A migration of a newer version has ended the compatibility with this one.
    #[error(
        "the database is at migration {database} and works with versions that contain migration \
         {oldest} or a later one; this version ends at migration {binary}. Set spec.version to a \
         version that contains migration {oldest}, or restore the backup from before the upgrade \
         into a new platform. Migrations are never undone"
    )]
    TooOld {
        /// The newest migration of the database.
        database: i64,
        /// The newest migration of this version.
        binary: i64,
        /// The migration that a version must contain at least.
        oldest: i64,
    },
    /// The database has migrations that this version lacks, and lacks some that it contains.
    #[error(
        "the database has migration {unknown}, which this version does not contain, and lacks \
         migration {missing}, which it contains: they are not of one line of versions. Set \
         spec.version to the version that the database was migrated by, or to a later one"
    )]
    Diverged {
        /// A migration that this version does not contain.
        unknown: i64,
        /// A migration that the database lacks.
        missing: i64,
    },
}

/// Compares the migrations of a database with those of this version. `oldest` is what a version
/// must contain at least, as the database says.
pub(super) fn compare(
    applied: &BTreeSet<i64>,
    own: &BTreeSet<i64>,
    oldest: Option<i64>,
) -> Result<Relation, Incompatible> {
    let Some(unknown) = applied.difference(own).last().copied() else {
        return Ok(Relation::Known);
    };
    if let Some(missing) = own.difference(applied).next().copied() {
        return Err(Incompatible::Diverged { unknown, missing });
    }
    // A database that says nothing allows no version but its own.
    let oldest = oldest.unwrap_or(unknown);
    let binary = own.last().copied().unwrap_or_default();
    if binary < oldest {
        return Err(Incompatible::TooOld {
            database: unknown,
            binary,
            oldest,
        });
    }
    Ok(Relation::Newer { newest: unknown })
}

/// The migrations that a database has: none in a new one.
pub(super) async fn applied(connection: &mut PgConnection) -> sqlx::Result<BTreeSet<i64>> {
    if !exists(connection, "platform.schema_migrations").await? {
        return Ok(BTreeSet::new());
    }
    let query = "select version from platform.schema_migrations";
    let versions: Vec<i64> = sqlx::query_scalar(query).fetch_all(connection).await?;
    Ok(versions.into_iter().collect())
}

/// The migration that a version must contain at least.
pub(super) async fn oldest(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    if !exists(connection, "platform.schema_compatibility").await? {
        return Ok(None);
    }
    let query = "select max(oldest_migration) from platform.schema_compatibility";
    sqlx::query_scalar(query).fetch_one(connection).await
}

async fn exists(connection: &mut PgConnection, table: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("select to_regclass($1) is not null")
        .bind(table)
        .fetch_one(connection)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[i64]) -> BTreeSet<i64> {
        numbers.iter().copied().collect()
    }

    #[test]
    fn a_database_of_this_version_or_an_older_one_is_migrated() {
        let own = set(&[1, 2, 5]);
        for applied in [set(&[]), set(&[1]), set(&[1, 2, 5])] {
            assert_eq!(compare(&applied, &own, Some(5)), Ok(Relation::Known));
        }
    }

    #[test]
    fn a_newer_database_is_accepted_as_far_back_as_it_says() {
        let (applied, own) = (set(&[1, 2, 5, 7, 9]), set(&[1, 2, 5]));
        let newer = Ok(Relation::Newer { newest: 9 });
        assert_eq!(compare(&applied, &own, Some(2)), newer);
        assert_eq!(compare(&applied, &own, Some(5)), newer);
        let refused = |oldest| Incompatible::TooOld {
            database: 9,
            binary: 5,
            oldest,
        };
        assert_eq!(compare(&applied, &own, Some(7)), Err(refused(7)));
        assert_eq!(compare(&applied, &own, None), Err(refused(9)));
    }

    #[test]
    fn another_line_of_migrations_is_refused_with_both_numbers() {
        let result = compare(&set(&[1, 2, 7]), &set(&[1, 2, 5]), Some(1));
        let refused = Incompatible::Diverged {
            unknown: 7,
            missing: 5,
        };
        assert_eq!(result, Err(refused));
    }
}
