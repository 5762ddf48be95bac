//! The emails that accounts receive.
//!
//! They name no person: an address may belong to another person than the one who typed it, whose
//! name would be a stranger's text in the platform's email.

use std::time::Duration;

use shared_models::event::QuotaReached;
use shared_models::words::is_word;
use shared_models::{Email, Quota};

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

/// Longest name of an account in an email, characters.
const MAX_NAME_LENGTH: usize = 60;

/// A name of an account without what a mail program could make a link, an address or a line of
/// its own of: only words remain, and the signs within them.
fn plain_name(name: &str) -> String {
    let plain = |c: char| {
        let is_kept = is_word(c) || matches!(c, '-' | '\'' | '\u{2019}' | '&' | ',');
        if is_kept { c } else { ' ' }
    };
    let words: String = name.chars().map(plain).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_NAME_LENGTH).collect()
}

pub(crate) fn password_reset(links: &EmailLinks, to: &str, token: &str) -> QueuedEmail {
    let link = links.link("reset-password", token);
    let text = format!(
        "Hello,\n\nsomebody, hopefully you, requested a new password for this address.\n\n\
         {link}\n\nIt works once and for one hour. If it was not you, do nothing: your password \
         stays unchanged.\n"
    );
    queued(to, "Set a new password", text, RESET_TTL)
}

pub(crate) fn verification(links: &EmailLinks, to: &str, token: &str) -> QueuedEmail {
    let link = links.link("verify-email", token);
    let text = format!(
        "Hello,\n\nplease confirm that this address is yours.\n\n{link}\n\n\
         It works once and for 24 hours.\n"
    );
    queued(to, "Confirm your e-mail address", text, VERIFICATION_TTL)
}

pub(crate) fn password_changed(to: &str) -> QueuedEmail {
    let text = "Hello,\n\nthe password of your account was changed, and other devices were signed \
                out. If it was not you, set a new password at once.\n";
    queued(
        to,
        "Your password was changed",
        text.to_owned(),
        NOTIFICATION_TTL,
    )
}

pub(crate) fn address_change(links: &EmailLinks, to: &Email, token: &str) -> QueuedEmail {
    let link = links.link("change-email", token);
    let text = format!(
        "Hello,\n\nsomebody, hopefully you, wants to use this address for an account.\n\n{link}\n\n\
         It works once and for 24 hours, for the person who is signed in to the account. If it was \
         not you, do nothing.\n"
    );
    queued(
        to.as_str(),
        "Confirm your new e-mail address",
        text,
        VERIFICATION_TTL,
    )
}

pub(crate) fn address_in_use(to: &Email) -> QueuedEmail {
    let text = "Hello,\n\nsomebody, hopefully you, wants to use this address for an account. An \
                account has this address already: sign in to that one, or change its address \
                first. If it was not you, do nothing.\n";
    queued(
        to.as_str(),
        "This e-mail address is in use",
        text.to_owned(),
        NOTIFICATION_TTL,
    )
}

pub(crate) fn address_change_requested(to: &str) -> QueuedEmail {
    let text = "Hello,\n\nsomebody, hopefully you, wants to change the e-mail address of your \
                account to another one. If it was not you, somebody knows your password: change it \
                at once.\n";
    queued(
        to,
        "Your e-mail address is to be changed",
        text.to_owned(),
        NOTIFICATION_TTL,
    )
}

pub(crate) fn address_changed(to: &str) -> QueuedEmail {
    let text = "Hello,\n\nthe e-mail address of your account was changed to another one, and other \
                devices were signed out. If it was not you, ask the people who run this platform \
                for help.\n";
    queued(
        to,
        "Your e-mail address was changed",
        text.to_owned(),
        NOTIFICATION_TTL,
    )
}

pub(crate) fn member_invitation(
    links: &EmailLinks,
    to: &Email,
    account: &str,
    token: &str,
) -> QueuedEmail {
    let link = links.link("accept-invite", token);
    let account = plain_name(account);
    let text = format!(
        "Hello,\n\nyou are invited to join the account \"{account}\".\n\n{link}\n\n\
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

/// Says that an account has come near to a quota, or has reached it.
pub(crate) fn quota_reached(to: &str, reached: &QuotaReached) -> QueuedEmail {
    let QuotaReached {
        quota,
        percent: _,
        used,
        limit,
    } = *reached;
    let what = match quota {
        Quota::Documents => "documents",
        Quota::StorageBytes => "bytes of files",
        Quota::Channels => "channels",
        Quota::Members => "members",
        Quota::MessagesPerMonth => "messages of visitors this month",
    };
    let remedy = if quota.is_monthly() {
        "Messages are counted from nothing again when the month ends (UTC)."
    } else {
        "Delete what you no longer need to make room."
    };
    let (subject, state) = if used >= limit {
        let state = "Nothing more can be added. All that is there stays as it is.";
        ("A limit of your account is reached", state)
    } else {
        let state = "When all of it is used, nothing more can be added.";
        ("A limit of your account is nearly reached", state)
    };
    let text = format!(
        "Hello,\n\nyour account uses {used} of its {limit} {what}. {state}\n\n{remedy} The \
         people who run this platform can raise the limit.\n"
    );
    queued(to, subject, text, NOTIFICATION_TTL)
}

fn queued(to: &str, subject: &str, text: String, ttl: Duration) -> QueuedEmail {
    let message = EmailMessage {
        to: to.to_owned(),
        subject: subject.to_owned(),
        text,
    };
    QueuedEmail { message, ttl }
}

#[cfg(test)]
mod tests {
    use super::{EmailLinks, member_invitation, plain_name};
    use shared_models::Email;

    #[test]
    fn a_name_in_an_email_is_words_only() {
        for (name, plain) in [
            ("Ana Lima", "Ana Lima"),
            (
                "O\u{2019}Neill & Söhne, Anne-Marie",
                "O\u{2019}Neill & Söhne, Anne-Marie",
            ),
            ("\u{915}\u{94d}\u{937} 2000", "\u{915}\u{94d}\u{937} 2000"),
            (
                "Win at https://evil.example/x?y=1#z",
                "Win at https evil example x y 1 z",
            ),
            ("evil.example", "evil example"),
            ("mail boss@evil.example now", "mail boss evil example now"),
            (
                "evil\u{ff0e}example\u{3002}com \u{ff20}x",
                "evil example com x",
            ),
            (
                "<a href=x>click</a>\r\nBcc: all",
                "a href x click a Bcc all",
            ),
            ("a\u{200b}b\u{202e}c \"quoted\"", "a b c quoted"),
            ("///", ""),
        ] {
            assert_eq!(plain_name(name), plain, "{name:?}");
        }
        assert_eq!(plain_name(&"long ".repeat(40)).chars().count(), 60);
    }

    #[test]
    fn an_invitation_has_no_link_but_its_own() {
        let links = EmailLinks::new(Some("https://app.example.com".to_owned()));
        let to = Email::parse("bo@example.com").unwrap();
        let email = member_invitation(&links, &to, "Claim www.evil.example/prize", "token");
        let text = email.message.text;
        assert_eq!(text.matches("://").count(), 1, "{text}");
        assert!(!text.contains("evil.example"), "{text}");
        assert!(
            text.contains("the account \"Claim www evil example prize\""),
            "{text}"
        );
    }
}
