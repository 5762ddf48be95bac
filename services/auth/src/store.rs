//! SQL: one table a file, or one named query a file. Imports the domain and shared crates only.

pub(crate) mod api_keys;
pub(crate) mod audit_checkpoints;
pub(crate) mod audit_log;
pub(crate) mod consents;
pub(crate) mod creators;
pub(crate) mod email_tokens;
pub(crate) mod known_networks;
pub(crate) mod login_lookup;
pub(crate) mod mail_outbox;
pub(crate) mod me;
pub(crate) mod member_invitations;
pub(crate) mod memberships;
pub(crate) mod owner_invitations;
pub(crate) mod platform_admins;
pub(crate) mod privacy_requests;
pub(crate) mod refresh_tokens;
pub(crate) mod reset_requests;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod signing_keys;
pub(crate) mod signup_invitations;
pub(crate) mod tenants;
pub(crate) mod totp;
pub(crate) mod usage_events;
pub(crate) mod users;
