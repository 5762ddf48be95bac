//! The emails that accounts receive.

use std::time::Duration;

use shared_models::Email;

/// How long a password reset code is valid.
pub(crate) const RESET_TTL: Duration = Duration::from_hours(1);
/// How long an email verification code is valid.
pub(crate) const VERIFICATION_TTL: Duration = Duration::from_hours(24);
/// How long an invitation of a member, or to register, is valid.
pub(crate) const INVITATION_TTL: Duration = Duration::from_hours(7 * 24);
/// A notification is worth reading when it is a day late, but not when it is a week late.
const NOTIFICATION_TTL: Duration = Duration::from_hours(72);

/// An email to one person.
#[derive(Debug, Clone)]
pub(crate) struct EmailMessage {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

/// An email for the outbox.
#[derive(Debug, Clone)]
pub(crate) struct QueuedEmail {
    pub(crate) message: EmailMessage,
    /// An email that was not delivered within this time is dropped.
    pub(crate) ttl: Duration,
}

/// Builds the links in emails.
#[derive(Debug, Clone)]
pub(crate) struct EmailLinks {
    base: Option<String>,
}

impl EmailLinks {
    /// `base` is the base URL of the pages that the links open; without it, emails carry the
    /// codes themselves.
    pub(crate) const fn new(base: Option<String>) -> Self {
        Self { base }
    }

    fn link(&self, page: &str, token: &str) -> String {
        match &self.base {
            // In the fragment, so that no server log and no Referer contains the token.
            Some(base) => format!("{base}/{page}#token={token}"),
            None => format!("Your code:\n\n{token}"),
        }
    }
}

pub(crate) fn password_reset(links: &EmailLinks, to: &str, name: &str, token: &str) -> QueuedEmail {
    let link = links.link("reset-password", token);
    let text = format!(
        "Hello {name},\n\nsomebody, hopefully you, requested a new password for this address.\n\n\
         {link}\n\nIt works once and for one hour. If it was not you, do nothing: your password \
         stays unchanged.\n"
    );
    queued(to, "Set a new password", text, RESET_TTL)
}

pub(crate) fn verification(links: &EmailLinks, to: &str, name: &str, token: &str) -> QueuedEmail {
    let link = links.link("verify-email", token);
    let text = format!(
        "Hello {name},\n\nplease confirm that this address is yours.\n\n{link}\n\n\
         It works once and for 24 hours.\n"
    );
    queued(to, "Confirm your e-mail address", text, VERIFICATION_TTL)
}

pub(crate) fn password_changed(to: &str, name: &str) -> QueuedEmail {
    let text = format!(
        "Hello {name},\n\nthe password of your account was changed, and other devices were signed \
         out. If it was not you, set a new password at once.\n"
    );
    queued(to, "Your password was changed", text, NOTIFICATION_TTL)
}

pub(crate) fn member_invitation(
    links: &EmailLinks,
    to: &Email,
    account: &str,
    token: &str,
) -> QueuedEmail {
    let link = links.link("accept-invite", token);
    let text = format!(
        "Hello,\n\nyou are invited to join the account {account}.\n\n{link}\n\n\
         It works once and for seven days. If you do not know the account, do nothing.\n"
    );
    queued(to.as_str(), "You are invited", text, INVITATION_TTL)
}

pub(crate) fn signup_invitation(links: &EmailLinks, to: &Email, token: &str) -> QueuedEmail {
    let link = links.link("register", token);
    let text = format!(
        "Hello,\n\nyou are invited to create an account of your own.\n\n{link}\n\n\
         It works for this address, for seven days.\n"
    );
    queued(to.as_str(), "You are invited", text, INVITATION_TTL)
}

fn queued(to: &str, subject: &str, text: String, ttl: Duration) -> QueuedEmail {
    let message = EmailMessage {
        to: to.to_owned(),
        subject: subject.to_owned(),
        text,
    };
    QueuedEmail { message, ttl }
}
