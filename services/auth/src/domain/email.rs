//! The words of every letter.

use std::time::Duration;

use shared_models::Email;

use super::{Letter, Post};

/// Life of a link that sets a new password.
pub(crate) const RESET_LIFE: Duration = Duration::from_hours(1);
/// Life of a link that proves an address.
pub(crate) const VERIFICATION_LIFE: Duration = Duration::from_hours(24);
/// Life of an invite into an account.
pub(crate) const INVITE_LIFE: Duration = Duration::from_hours(7 * 24);
/// A note that is a day late is still worth reading; a week late it is not.
const NOTE_LIFE: Duration = Duration::from_hours(72);

pub(crate) fn password_reset(post: &Post, to: &str, name: &str, token: &str) -> Letter {
    let link = post.link("reset-password", token);
    let text = format!(
        "Hello {name},\n\nsomebody, hopefully you, asked for a new password for this address.\n\n\
         {link}\n\nIt works once and for one hour. If it was not you, do nothing: your password \
         stays as it is.\n"
    );
    letter(to, "Set a new password", text, RESET_LIFE)
}

pub(crate) fn verification(post: &Post, to: &str, name: &str, token: &str) -> Letter {
    let link = post.link("verify-email", token);
    let text = format!(
        "Hello {name},\n\nplease confirm that this address is yours.\n\n{link}\n\n\
         It works once and for 24 hours.\n"
    );
    letter(to, "Confirm your e-mail address", text, VERIFICATION_LIFE)
}

pub(crate) fn password_changed(to: &str, name: &str) -> Letter {
    let text = format!(
        "Hello {name},\n\nthe password of your account was changed, and other devices were signed \
         out. If it was not you, set a new password at once.\n"
    );
    letter(to, "Your password was changed", text, NOTE_LIFE)
}

pub(crate) fn invite(post: &Post, to: &Email, account: &str, token: &str) -> Letter {
    let link = post.link("accept-invite", token);
    let text = format!(
        "Hello,\n\nyou are invited to work in the account {account}.\n\n{link}\n\n\
         It works once and for seven days. If you do not know the account, do nothing.\n"
    );
    letter(to.as_str(), "You are invited", text, INVITE_LIFE)
}

pub(crate) fn registration(post: &Post, to: &Email, token: &str) -> Letter {
    let link = post.link("register", token);
    let text = format!(
        "Hello,\n\nyou are invited to open an account of your own.\n\n{link}\n\n\
         It works for this address, for seven days.\n"
    );
    letter(to.as_str(), "You are invited", text, INVITE_LIFE)
}

fn letter(to: &str, subject: &str, text: String, life: Duration) -> Letter {
    Letter {
        to: to.to_owned(),
        subject: subject.to_owned(),
        text,
        life,
    }
}
