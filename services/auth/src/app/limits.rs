//! Who may ask how often: every number of this service in one place.

use std::time::Duration;

use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use shared_cache::{Cache, Decision, Key, Limit};
use shared_models::Email;
use shared_web::ClientIp;
use tracing::Instrument as _;

use crate::error::Error;

/// One limit, and what happens while Redis does not answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    name: &'static str,
    limit: Limit,
    /// Whether the request is refused (503) while nobody counts.
    fails_closed: bool,
}

/// Accounts from one address. Closed: nobody mass-registers while Redis is away.
pub(crate) const REGISTER: Rule = Rule {
    name: "register",
    limit: per(30, Duration::from_hours(1), 10),
    fails_closed: true,
};

/// Wrong passwords from one address for one account; a right one clears the count. Closed: nobody
/// guesses while Redis is away.
pub(crate) const LOGIN: Rule = Rule {
    name: "login",
    limit: per(10, Duration::from_mins(15), 10),
    fails_closed: true,
};

/// Refreshes from one address, behind which there may be an office. Open: a refresh token cannot
/// be guessed, and who is signed in stays so.
pub(crate) const REFRESH: Rule = Rule {
    name: "refresh",
    limit: per(600, Duration::from_mins(1), 200),
    fails_closed: false,
};

/// Invitations tried from one address. Open: the token cannot be guessed.
pub(crate) const INVITATION: Rule = Rule {
    name: "invitation",
    limit: per(60, Duration::from_hours(1), 20),
    fails_closed: false,
};

/// Passwords rated for one address. Open: it is arithmetic.
pub(crate) const RATE_PASSWORD: Rule = Rule {
    name: "password_validate",
    limit: per(120, Duration::from_mins(1), 60),
    fails_closed: false,
};

/// Wrong passwords of who is signed in; a right one clears the count. Closed, like sign-in.
pub(crate) const REAUTHENTICATE: Rule = Rule {
    name: "reauthenticate",
    limit: per(10, Duration::from_mins(15), 5),
    fails_closed: true,
};

/// Codes of a second factor for one user; a right one clears the count. Closed, like sign-in.
pub(crate) const SECOND_FACTOR: Rule = Rule {
    name: "second_factor",
    limit: per(10, Duration::from_mins(15), 8),
    fails_closed: true,
};

/// New passwords asked for from one address. Closed: letters cost.
pub(crate) const RESET_FROM: Rule = Rule {
    name: "password_reset",
    limit: per(20, Duration::from_hours(1), 10),
    fails_closed: true,
};

/// New passwords asked for one account, whether it exists or not. Closed: nobody's inbox is filled.
pub(crate) const RESET_FOR: Rule = Rule {
    name: "password_reset_account",
    limit: per(5, Duration::from_hours(1), 3),
    fails_closed: true,
};

/// Codes of letters from one address. Closed, although nobody guesses 256 bits.
pub(crate) const CONFIRM: Rule = Rule {
    name: "confirm",
    limit: per(60, Duration::from_hours(1), 20),
    fails_closed: true,
};

/// Letters that one user asks for.
pub(crate) const VERIFY: Rule = Rule {
    name: "email_verification",
    limit: per(5, Duration::from_hours(1), 3),
    fails_closed: true,
};

const fn per(count: u32, window: Duration, burst: u32) -> Limit {
    Limit {
        count,
        window,
        burst,
    }
}

/// What is counted together: an address.
pub(crate) fn address(ip: ClientIp) -> String {
    ip.network().to_string()
}

/// What is counted together: an address and an account, of which the key shows a hash only.
pub(crate) fn address_and_account(ip: ClientIp, email: &Email) -> String {
    format!("{}:{}", ip.network(), account(email))
}

/// What is counted together: an account, of which the key shows a hash only.
pub(crate) fn account(email: &Email) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(email.as_str()))
}

/// Counts a request, or refuses it.
pub(crate) async fn take(cache: &Cache, rule: Rule, subject: &str) -> Result<(), Error> {
    let key = Key::limit(rule.name, subject);
    match cache.take(&key, &rule.limit, 1).await {
        Ok(Decision::Allowed { .. }) => Ok(()),
        Ok(Decision::Refused { retry_after, .. }) => {
            metrics::counter!("auth_limited_total", "limit" => rule.name).increment(1);
            Err(Error::TooMany(Refusal {
                rule,
                wait: retry_after,
            }))
        }
        Err(cause) if rule.fails_closed => Err(Error::Limiter(Box::new(cause))),
        Err(cause) => {
            tracing::warn!(limit = rule.name, %cause, "nobody counts: let through");
            Ok(())
        }
    }
}

/// Forgets what was counted, and has nobody wait for that. A hint: if it is lost, the count ends by
/// itself.
pub(crate) fn clear(cache: &Cache, rule: Rule, subject: &str) {
    let (cache, key) = (cache.clone(), Key::limit(rule.name, subject));
    let forget = async move {
        if let Err(cause) = cache.forget(&key).await {
            tracing::warn!(limit = rule.name, %cause, "the count was not cleared");
        }
    };
    tokio::spawn(forget.in_current_span());
}

/// A request over a limit.
#[derive(Debug)]
pub(crate) struct Refusal {
    rule: Rule,
    pub(crate) wait: Duration,
}

impl Refusal {
    /// The headers of draft-ietf-httpapi-ratelimit-headers.
    pub(crate) fn describe(&self, response: &mut Response) {
        let Rule { name, limit, .. } = self.rule;
        let rules = [shared_web::rate_limit::Rule { name, limit }];
        shared_web::rate_limit::describe(response.headers_mut(), &rules, 0, 0, self.wait);
    }
}
