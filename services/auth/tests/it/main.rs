//! Auth against a real PostgreSQL and Redis, called in this process.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at faults")]

mod fake_tenant_data;
mod mailbox;
mod test_address_spellings;
mod test_api_keys;
mod test_app;
mod test_audit;
mod test_consents;
mod test_email;
mod test_email_change;
mod test_enumeration;
mod test_exports;
mod test_idempotency;
mod test_jwks;
mod test_lock;
mod test_login;
mod test_mail;
mod test_me;
mod test_member_invitations;
mod test_members;
mod test_openapi;
mod test_outage;
mod test_password;
mod test_password_change;
mod test_password_spellings;
mod test_privacy;
mod test_registration;
mod test_revocations;
mod test_row_level_security;
mod test_session;
mod test_sessions;
mod test_signing_keys;
mod test_signup_invitations;
mod test_start;
mod test_tenants;
mod test_totp;
