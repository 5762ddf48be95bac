//! Every endpoint, one line each.

mod account;
pub(crate) mod answer;
pub(crate) mod api_keys;
mod audit;
mod consents;
mod device;
mod email_verification;
mod invitation;
mod invites;
pub(crate) mod key_set;
mod keys;
mod login;
mod login_totp;
mod me;
mod members;
mod password;
mod password_change;
mod privacy;
mod refusals;
mod registration;
mod registration_invitation;
mod repeat;
mod session;
mod sessions;
mod totp;
mod usage;

use shared_web::Endpoints;
use utoipa_axum::routes;

use crate::state::AppState;

pub(crate) fn v1<E: Endpoints<AppState>>() -> E {
    E::default()
        .routes(routes!(registration::register))
        .routes(routes!(
            registration_invitation::list_registration_invitations,
            registration_invitation::invite_to_register
        ))
        .routes(routes!(
            registration_invitation::revoke_registration_invitation
        ))
        .routes(routes!(login::login))
        .routes(routes!(login_totp::login_totp))
        .routes(routes!(invitation::accept_owner_invitation))
        .routes(routes!(session::refresh))
        .routes(routes!(session::logout))
        .routes(routes!(me::read_me, me::update_me))
        .routes(routes!(consents::list_consents, consents::state_consent))
        .routes(routes!(account::update_account))
        .routes(routes!(usage::read_usage))
        .routes(routes!(password::validate_password))
        .routes(routes!(api_keys::list_api_keys, api_keys::create_api_key))
        .routes(routes!(api_keys::revoke_api_key))
        .routes(routes!(password_change::change_password))
        .routes(routes!(password_change::request_password_reset))
        .routes(routes!(password_change::confirm_password_reset))
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
        .routes(routes!(invites::list_invites, invites::create_invite))
        .routes(routes!(invites::revoke_invite))
        .routes(routes!(invites::accept_invite))
        .routes(routes!(members::list_roles))
        .routes(routes!(members::list_members))
        .routes(routes!(members::change_member, members::remove_member))
        .routes(routes!(audit::list_audit_log))
        .routes(routes!(audit::verify_audit_log))
        .routes(routes!(audit::export_audit_log))
        .routes(routes!(keys::list_keys))
        .routes(routes!(keys::rotate_keys))
        .routes(routes!(totp::read_totp, totp::enrol_totp))
        .routes(routes!(totp::confirm_totp))
        .routes(routes!(totp::disable_totp))
        .routes(routes!(totp::renew_recovery_codes))
}
