//! Accounts and tokens: who somebody is, and which tenant that is.
