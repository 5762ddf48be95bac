//! Rows and statements, one table a file.

pub(crate) mod admission;
pub(crate) mod api_keys;
pub(crate) mod audit_log;
pub(crate) mod consents;
pub(crate) mod creators;
pub(crate) mod directory;
pub(crate) mod email_tokens;
pub(crate) mod invites;
pub(crate) mod mail_outbox;
pub(crate) mod me;
pub(crate) mod memberships;
pub(crate) mod owner_invitations;
pub(crate) mod platform_admins;
pub(crate) mod privacy_requests;
pub(crate) mod refresh_tokens;
pub(crate) mod registration_invitations;
pub(crate) mod reset_requests;
pub(crate) mod session_list;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod tenants;
pub(crate) mod totp;
pub(crate) mod usage;
pub(crate) mod usage_events;
pub(crate) mod users;
