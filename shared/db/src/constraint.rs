//! Turns the violation of a named constraint into a domain error, at the call site.

/// Gives `meaning` when the error is a violation of that constraint, else the error itself.
pub fn on_constraint<E: From<sqlx::Error>>(
    name: &str,
    meaning: E,
) -> impl FnOnce(sqlx::Error) -> E {
    move |error| match &error {
        sqlx::Error::Database(cause) if cause.constraint() == Some(name) => meaning,
        _ => error.into(),
    }
}
