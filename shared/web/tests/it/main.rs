//! What every service answers before its own handlers have a say.
#![expect(clippy::panic, reason = "a handler that dies is one of the cases")]

mod test_app;
mod test_revocation;
mod test_verifier;
