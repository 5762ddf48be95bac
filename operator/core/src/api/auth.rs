//! Token lifetimes, the password policy, registration and email.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::Span;
use super::workload::NameRef;

/// Sign-in, registration and email of accounts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!self.accessTokenLifetime.endsWith('d')")
        .message("accessTokenLifetime must be given in seconds, minutes or hours")
)]
pub struct Auth {
    /// Lifetime of an access token; days are not allowed.
    #[serde(default = "quarter_of_an_hour")]
    pub access_token_lifetime: Span,
    /// Lifetime of a refresh token: how long a user who does not come back stays signed in.
    #[serde(default = "thirty_days")]
    pub refresh_token_lifetime: Span,
    /// Longest lifetime of a session, however often it is renewed; then the user signs in again.
    #[serde(default = "ninety_days")]
    pub session_lifetime: Span,
    /// Issuer (`iss`) of access tokens. By default the public URL that the platform had when it was
    /// created; it does not follow a change of that. A change of this field ends access tokens:
    /// clients renew them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300), regex(pattern = r"^[!-~]+$"))]
    pub issuer: Option<String>,
    /// Requirements on passwords.
    #[serde(default)]
    pub password: PasswordPolicy,
    /// Who may create an account.
    #[serde(default)]
    pub self_registration: SelfRegistration,
    /// Secret with the SMTP settings. Required keys: `SMTP_HOST` and `SMTP_FROM`. Optional keys:
    /// `SMTP_PORT`, `SMTP_TLS`, `SMTP_USERNAME`, `SMTP_PASSWORD` and `MAIL_LINK_BASE`. Without this
    /// Secret no email is sent; emails stay in the outbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp_secret_ref: Option<NameRef>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            access_token_lifetime: quarter_of_an_hour(),
            refresh_token_lifetime: thirty_days(),
            session_lifetime: ninety_days(),
            issuer: None,
            password: PasswordPolicy::default(),
            self_registration: SelfRegistration::default(),
            smtp_secret_ref: None,
        }
    }
}

/// Requirements on passwords.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordPolicy {
    /// Minimum number of characters.
    #[serde(default = "eight")]
    #[schemars(range(min = 8, max = 128))]
    pub min_length: i32,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            min_length: eight(),
        }
    }
}

/// Who may create an account.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub enum SelfRegistration {
    /// Anybody.
    #[default]
    Open,
    /// People whom an administrator of the platform has invited.
    InviteOnly,
    /// Nobody; accounts are created by Tenants and by invitations.
    Closed,
}

impl SelfRegistration {
    /// The value of auth's setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::InviteOnly => "invite_only",
            Self::Closed => "closed",
        }
    }
}

fn quarter_of_an_hour() -> Span {
    Span::from("15m")
}

fn thirty_days() -> Span {
    Span::from("30d")
}

fn ninety_days() -> Span {
    Span::from("90d")
}

const fn eight() -> i32 {
    8
}
