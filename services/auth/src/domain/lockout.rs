//! When guessing ends.

/// Wrong passwords in a row after which an account is locked.
pub(crate) const FAILURES: i32 = 5;

/// How long it stays locked, seconds. While it is, the right password reads like a wrong one:
/// whoever guesses learns neither that the account exists nor that a guess was right.
pub(crate) const LOCK_SECONDS: f64 = 1800.0;
