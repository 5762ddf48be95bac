//! Which failures of a migration end by themselves, and for how long they are waited for.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::migrate::MigrateError;

use super::Error;
use crate::fault;

/// First wait after a failure; it doubles up to [`MAX_BACKOFF`].
const MIN_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

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

/// The wait after so many failures in a row.
pub(super) fn backoff(failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    MIN_BACKOFF.saturating_mul(factor).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::Incompatible;

    #[test]
    fn waits_double_and_have_a_bound() {
        let seconds: Vec<u64> = (1..8).map(|n| backoff(n).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(backoff(u32::MAX).as_secs(), 30);
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
