//! Which failures of a migration end by themselves, and for how long they are waited for.

use std::io::ErrorKind;
use std::time::Duration;

use backon::ExponentialBuilder;
use sqlx::migrate::MigrateError;

use super::Error;
use crate::fault;

/// Waits after failures: they double.
pub(super) const BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(Duration::from_secs(30))
    .without_max_times();

/// Whether the same attempt may succeed later.
pub(super) fn is_transient(error: &Error) -> bool {
    match error {
        Error::Database(cause)
        | Error::Migration(
            MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _),
        ) => is_transient_cause(cause),
        Error::Migration(_) | Error::Incompatible(_) => false,
    }
}

fn is_transient_cause(error: &sqlx::Error) -> bool {
    // A wrong password stays wrong, and so does a certificate, which rustls reports like this.
    let is_refused = match error {
        sqlx::Error::Io(cause) => cause.kind() == ErrorKind::InvalidData,
        _ => code_of(error).is_some_and(|code| code.starts_with("28")),
    };
    (fault::is_unavailable(error) && !is_refused)
        || fault::is_conflict(error)
        || is_concurrent_update(error)
}

/// Roles belong to the whole server: another platform's migration may alter them at the same time.
fn is_concurrent_update(error: &sqlx::Error) -> bool {
    let cause = error.as_database_error();
    cause.is_some_and(|cause| cause.message().contains("tuple concurrently"))
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

#[cfg(test)]
mod tests {
    use backon::BackoffBuilder as _;

    use super::*;
    use crate::migrate::Incompatible;

    #[test]
    fn waits_double_and_have_a_bound_but_no_end() {
        let mut waits = BACKOFF.build();
        let seconds: Vec<_> = waits.by_ref().take(7).map(|wait| wait.as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(waits.nth(10_000), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_server_that_is_not_there_is_waited_for() {
        let refused = std::io::Error::from(ErrorKind::ConnectionRefused);
        assert!(is_transient(&Error::Database(refused.into())));
    }

    #[test]
    fn what_no_wait_mends_is_not() {
        let permanent = [
            Error::Migration(MigrateError::VersionMismatch(3)),
            Error::Database(sqlx::Error::Configuration("no such host form".into())),
            Error::Database(sqlx::Error::Tls("not supported".into())),
            Error::Database(std::io::Error::from(ErrorKind::InvalidData).into()),
            Error::Incompatible(Incompatible::Diverged {
                unknown: 2,
                missing: 1,
            }),
        ];
        for error in permanent {
            assert!(!is_transient(&error), "{error}");
        }
    }
}
