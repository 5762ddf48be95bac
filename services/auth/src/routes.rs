//! The HTTP API: handlers and DTOs by feature. A handler extracts, calls one use case and responds.

mod account;
mod audit;
pub(crate) mod internal;
mod openapi_responses;
mod privacy;
mod response;
pub(crate) mod security;
mod sign_in;
mod team;

use shared_web::Endpoints;
use utoipa_axum::routes;

use crate::state::AppState;
use account::{consents, email_change, email_verification, me, usage};
use security::{api_keys, password, sessions, signing_keys, totp};
use sign_in::{login, owner_invitations, registration, second_step, session, signup_invitations};
use team::{member_invitations, members};

pub(crate) fn v1<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(registration::register))
        .routes(routes!(
            signup_invitations::list_registration_invitations,
            signup_invitations::invite_to_register
        ))
        .routes(routes!(signup_invitations::revoke_registration_invitation))
        .routes(routes!(login::login))
        .routes(routes!(second_step::login_totp))
        .routes(routes!(owner_invitations::accept_owner_invitation))
        .routes(routes!(session::refresh))
        .routes(routes!(session::logout))
        .routes(routes!(me::read_me, me::update_me))
        .routes(routes!(email_change::request_email_change))
        .routes(routes!(email_change::confirm_email_change))
        .routes(routes!(consents::list_consents, consents::state_consent))
        .routes(routes!(me::update_account))
        .routes(routes!(usage::read_usage))
        .routes(routes!(password::validate_password))
        .routes(routes!(api_keys::list_api_keys, api_keys::create_api_key))
        .routes(routes!(api_keys::revoke_api_key))
        .routes(routes!(password::change_password))
        .routes(routes!(password::request_password_reset))
        .routes(routes!(password::confirm_password_reset))
        .routes(routes!(email_verification::request_verification))
        .routes(routes!(email_verification::confirm_verification))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(privacy::list_exports, privacy::create_export))
        .routes(routes!(privacy::read_export))
        .routes(routes!(privacy::download_export))
        .routes(routes!(privacy::list_erasures, privacy::create_erasure))
        .routes(routes!(privacy::read_erasure, privacy::cancel_erasure))
        .routes(routes!(sessions::revoke_session))
        .routes(routes!(sessions::logout_all))
        .routes(routes!(
            member_invitations::list_invites,
            member_invitations::create_invite
        ))
        .routes(routes!(member_invitations::revoke_invite))
        .routes(routes!(member_invitations::accept_invite))
        .routes(routes!(members::list_roles))
        .routes(routes!(members::list_members))
        .routes(routes!(members::change_member, members::remove_member))
        .routes(routes!(audit::list_audit_log))
        .routes(routes!(audit::verify_audit_log))
        .routes(routes!(audit::export_audit_log))
        .routes(routes!(signing_keys::list_keys))
        .routes(routes!(signing_keys::rotate_keys))
        .routes(routes!(totp::read_totp, totp::enrol_totp))
        .routes(routes!(totp::confirm_totp))
        .routes(routes!(totp::disable_totp))
        .routes(routes!(totp::renew_recovery_codes))
}
