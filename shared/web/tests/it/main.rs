//! What every service answers before its own handlers have a say.

mod test_app;
mod test_verifier;
