//! Tokens, passwords and who may register.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::Span;
use super::workload::NameRef;

/// Rules of accounts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!self.accessTokenLifetime.endsWith('d')")
        .message("accessTokenLifetime must be given in seconds, minutes or hours")
)]
pub struct Auth {
    /// Life of an access token.
    #[serde(default = "quarter_of_an_hour")]
    pub access_token_lifetime: Span,
    /// Life of a refresh token.
    #[serde(default = "thirty_days")]
    pub refresh_token_lifetime: Span,
    /// Rules of passwords.
    #[serde(default)]
    pub password: PasswordPolicy,
    /// Who may register.
    #[serde(default)]
    pub self_registration: SelfRegistration,
    /// Secret with the mail server, by the names of auth's variables: `SMTP_HOST`, `SMTP_FROM`, and
    /// as needed `SMTP_PORT`, `SMTP_TLS`, `SMTP_USERNAME`, `SMTP_PASSWORD`, `MAIL_LINK_BASE`.
    /// Without it letters wait in the outbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp_secret_ref: Option<NameRef>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            access_token_lifetime: quarter_of_an_hour(),
            refresh_token_lifetime: thirty_days(),
            password: PasswordPolicy::default(),
            self_registration: SelfRegistration::default(),
            smtp_secret_ref: None,
        }
    }
}

/// Rules of passwords.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PasswordPolicy {
    /// Fewest characters.
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

/// Who may register.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub enum SelfRegistration {
    /// Anybody may.
    #[default]
    Open,
    /// Whom an administrator of the platform invites.
    InviteOnly,
    /// Only Tenants and invitations make accounts.
    Closed,
}

impl SelfRegistration {
    /// The word that auth reads.
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

const fn eight() -> i32 {
    8
}
