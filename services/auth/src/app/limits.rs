//! The rate limits of this service.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared_cache::{Cache, Decision, Key, Limit};
use shared_models::UserId;
use shared_web::ClientIp;
use shared_web::rate_limit::Rule;
use tracing::Instrument as _;

use crate::error::{Error, LimitExceeded};

/// A rate limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitRule {
    name: &'static str,
    limit: Limit,
    /// Whether requests are refused (503) or allowed while Redis is unavailable.
    fails_closed: bool,
}

/// Registrations per IP network. Fails closed, so that a Redis outage cannot be used for mass
/// registration.
pub(crate) const REGISTER: LimitRule = LimitRule {
    name: "register",
    limit: per(30, Duration::from_hours(1), 10),
    fails_closed: true,
};

/// Sign-ins per IP network and account; a success resets the count. Within the time in which
/// failures are added up, one network has fewer than lock the user elsewhere
/// (`domain/credentials.rs`). Fails closed, so that a Redis outage cannot be used for guessing.
pub(crate) const LOGIN: LimitRule = LimitRule {
    name: "login",
    limit: per(5, Duration::from_hours(1), 5),
    fails_closed: true,
};

/// Failed sign-ins per IP network, of all accounts together, so that one password cannot be tried
/// on a million accounts. Each attempt is counted before its password is verified, and given back
/// unless it has failed. Fails closed, like `LOGIN`.
pub(crate) const FAILED_LOGINS: LimitRule = LimitRule {
    name: "failed_logins",
    limit: per(60, Duration::from_hours(1), 60),
    fails_closed: true,
};

/// Refreshes per IP network, which may be a whole office. Fails open: refresh tokens cannot be
/// guessed, and signed-in users stay signed in.
pub(crate) const REFRESH: LimitRule = LimitRule {
    name: "refresh",
    limit: per(600, Duration::from_mins(1), 200),
    fails_closed: false,
};

/// Accepted invitations per IP network. Fails open: the tokens cannot be guessed.
pub(crate) const INVITATION: LimitRule = LimitRule {
    name: "invitation",
    limit: per(60, Duration::from_hours(1), 20),
    fails_closed: false,
};

/// Invitations per account. An invitation says whether the address has an account, as a
/// registration does, so it is limited like one. Fails closed: emails cost money.
pub(crate) const INVITE_BY_ACCOUNT: LimitRule = LimitRule {
    name: "invite",
    limit: per(60, Duration::from_hours(1), 30),
    fails_closed: true,
};

/// Invitations per recipient, of all accounts together. Fails closed, so that no inbox is
/// flooded.
pub(crate) const INVITE_BY_RECIPIENT: LimitRule = LimitRule {
    name: "invite_recipient",
    limit: per(5, Duration::from_hours(24), 3),
    fails_closed: true,
};

/// Password ratings per IP network. Fails open: a rating is cheap and reveals nothing.
pub(crate) const PASSWORD_RATING: LimitRule = LimitRule {
    name: "password_validate",
    limit: per(120, Duration::from_mins(1), 60),
    fails_closed: false,
};

/// Password confirmations of a signed-in user; a success resets the count. Fails closed.
pub(crate) const REAUTHENTICATE: LimitRule = LimitRule {
    name: "reauthenticate",
    limit: per(10, Duration::from_mins(15), 5),
    fails_closed: true,
};

/// Second factor codes of sign-ins per IP network and user, like `LOGIN`: a stranger who knows the
/// password does not use up the codes of its owner.
pub(crate) const SECOND_STEP: LimitRule = LimitRule {
    name: "second_step",
    limit: per(5, Duration::from_hours(1), 5),
    fails_closed: true,
};

/// Second factor codes of a signed-in user; a success resets the count. Fails closed.
pub(crate) const SECOND_FACTOR: LimitRule = LimitRule {
    name: "second_factor",
    limit: per(10, Duration::from_mins(15), 8),
    fails_closed: true,
};

/// Password reset requests per IP network. Fails closed: emails cost money.
pub(crate) const RESET_BY_IP: LimitRule = LimitRule {
    name: "password_reset",
    limit: per(20, Duration::from_hours(1), 10),
    fails_closed: true,
};

/// Password reset requests per account, whether it exists or not. Fails closed, so that nobody's
/// inbox is flooded.
pub(crate) const RESET_BY_ACCOUNT: LimitRule = LimitRule {
    name: "password_reset_account",
    limit: per(5, Duration::from_hours(1), 3),
    fails_closed: true,
};

/// Password reset requests per account and known network, once `RESET_BY_ACCOUNT` is used up:
/// requests of strangers must not keep out the owner. Fails closed.
pub(crate) const RESET_BY_KNOWN_NETWORK: LimitRule = LimitRule {
    name: "password_reset_known",
    limit: per(5, Duration::from_hours(1), 3),
    fails_closed: true,
};

/// Email codes per IP network. Fails closed, although 256 bits cannot be guessed.
pub(crate) const EMAIL_CODE: LimitRule = LimitRule {
    name: "confirm",
    limit: per(60, Duration::from_hours(1), 20),
    fails_closed: true,
};

/// Verification emails per user.
pub(crate) const VERIFICATION_EMAIL: LimitRule = LimitRule {
    name: "email_verification",
    limit: per(5, Duration::from_hours(1), 3),
    fails_closed: true,
};

/// Requested changes of address per user. Fails closed: emails cost money.
pub(crate) const EMAIL_CHANGE: LimitRule = LimitRule {
    name: "email_change",
    limit: per(5, Duration::from_hours(1), 3),
    fails_closed: true,
};

/// Requested changes to one address, of all users together. Fails closed, so that no inbox is
/// flooded.
pub(crate) const EMAIL_CHANGE_BY_RECIPIENT: LimitRule = LimitRule {
    name: "email_change_recipient",
    limit: per(5, Duration::from_hours(24), 3),
    fails_closed: true,
};

const fn per(count: u32, window: Duration, burst: u32) -> Limit {
    Limit {
        count,
        window,
        burst,
    }
}

/// Counts per IP network.
pub(crate) fn by_ip(ip: ClientIp) -> String {
    ip.network().to_string()
}

/// Counts per IP network and account.
pub(crate) fn by_ip_and_account(ip: ClientIp, address: &str) -> String {
    format!("{}:{}", ip.network(), by_account(address))
}

/// Counts per IP network and user.
pub(crate) fn by_ip_and_user(ip: ClientIp, user: UserId) -> String {
    format!("{}:{user}", ip.network())
}

/// Counts per account. The key in Redis contains a hash of the email address only.
pub(crate) fn by_account(address: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(address))
}

/// Counts a request, or refuses it.
pub(crate) async fn enforce(cache: &Cache, rule: LimitRule, subject: &str) -> Result<(), Error> {
    let key = Key::limit(rule.name, subject);
    match cache.take(&key, &rule.limit, 1).await {
        Ok(Decision::Allowed { .. }) => Ok(()),
        Ok(Decision::Refused { retry_after, .. }) => {
            metrics::counter!("auth_limited_total", "limit" => rule.name).increment(1);
            let LimitRule { name, limit, .. } = rule;
            let rule = Rule { name, limit };
            Err(Error::LimitExceeded(LimitExceeded { rule, retry_after }))
        }
        Err(cause) if rule.fails_closed => Err(Error::Redis(Box::new(cause))),
        Err(cause) => {
            let limit = rule.name;
            tracing::warn!(limit, %cause, "Redis unavailable; request not rate-limited");
            Ok(())
        }
    }
}

/// Gives a request back in the background: it was not what the limit counts. Best effort: one
/// that is not given back comes back with time.
pub(crate) fn give_back(cache: &Cache, rule: LimitRule, subject: &str) {
    let (cache, key) = (cache.clone(), Key::limit(rule.name, subject));
    let giving = async move {
        if let Err(cause) = cache.give_back(&key, &rule.limit, 1).await {
            tracing::warn!(limit = rule.name, %cause, "request not given back to its limit");
        }
    };
    tokio::spawn(giving.in_current_span());
}

/// Resets a count in the background. Best effort: a count that is not reset expires.
pub(crate) fn reset(cache: &Cache, rule: LimitRule, subject: &str) {
    let (cache, key) = (cache.clone(), Key::limit(rule.name, subject));
    let reset = async move {
        if let Err(cause) = cache.forget(&key).await {
            tracing::warn!(limit = rule.name, %cause, "rate limit count not reset");
        }
    };
    tokio::spawn(reset.in_current_span());
}
