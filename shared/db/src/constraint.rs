//! Maps the violation of a named constraint to a domain error, at the call site.

/// Returns `meaning` if the error violates that constraint, else the error itself.
pub fn on_constraint<E: From<sqlx::Error>>(
    name: &str,
    meaning: E,
) -> impl FnOnce(sqlx::Error) -> E {
    move |error| match &error {
        sqlx::Error::Database(cause) if cause.constraint() == Some(name) => meaning,
        _ => error.into(),
    }
}
