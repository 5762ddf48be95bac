//! Classifies database errors that a retry may solve.

/// Whether the database is unavailable: down, starting, or out of connections.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        // 57P: shut down or starting; 53: out of connections; 08: connection; 28: login.
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| {
            ["57P", "53", "08", "28"]
                .iter()
                .any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

/// Whether another transaction interfered: a deadlock, a serialisation failure, a busy lock.
pub fn is_conflict(error: &sqlx::Error) -> bool {
    let cause = error.as_database_error();
    let code = cause.and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| matches!(&*code, "40001" | "40P01" | "55P03"))
}
