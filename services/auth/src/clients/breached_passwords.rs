//! Looks up whether a password was leaked elsewhere, without revealing it: a range service receives
//! the first five hex digits of its hash only. When the lookup fails, the password is accepted.

mod sorted_file;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sha1::{Digest as _, Sha1};

use crate::config::BreachedList;
use crate::domain::password::Violation;

/// Longest wait for a lookup: registration must not depend on another operator's service.
const LOOKUP_TIMEOUT: Duration = Duration::from_millis(500);
/// Hex digits of the hash that a range service receives; about a thousand hashes begin with them.
const PREFIX_LENGTH: usize = 5;

/// The list of breached passwords, if one is configured.
#[derive(Debug, Clone)]
pub(crate) struct BreachedPasswords {
    list: Option<BreachedList>,
    http: reqwest::Client,
}

/// A failed lookup.
#[derive(Debug, thiserror::Error)]
enum LookupError {
    #[error("no response within {LOOKUP_TIMEOUT:?}")]
    Timeout,
    #[error(transparent)]
    Service(#[from] reqwest::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("the search was aborted")]
    Aborted,
}

impl BreachedPasswords {
    pub(crate) const fn new(list: Option<BreachedList>, http: reqwest::Client) -> Self {
        Self { list, http }
    }

    /// The violation, if the list contains the password.
    pub(crate) async fn check(&self, password: &str) -> Option<Violation> {
        let list = self.list.as_ref()?;
        let hash = hash(password);
        let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, self.contains(list, &hash)).await;
        match lookup.unwrap_or(Err(LookupError::Timeout)) {
            Ok(found) => found.then_some(Violation::Breached),
            Err(cause) => {
                metrics::counter!("auth_breach_checks_skipped_total").increment(1);
                tracing::warn!(%cause, "breached password lookup failed; password accepted");
                None
            }
        }
    }

    async fn contains(&self, list: &BreachedList, hash: &str) -> Result<bool, LookupError> {
        match list {
            BreachedList::File(path) => {
                let (path, hash) = (path.clone(), hash.to_owned());
                let search = move || sorted_file::contains(Path::new(&path), &hash);
                let found = tokio::task::spawn_blocking(search).await;
                Ok(found.map_err(|_| LookupError::Aborted)??)
            }
            BreachedList::Service(url) => {
                let (prefix, suffix) = hash.split_at(PREFIX_LENGTH);
                let request = self.http.get(format!("{url}/{prefix}"));
                // Padding keeps the size of the response from revealing the prefix.
                let response = request.header("Add-Padding", "true").send().await?;
                let text = response.error_for_status()?.text().await?;
                Ok(text.lines().any(|line| is_entry(line, suffix)))
            }
        }
    }
}

/// A line of a range response is `SUFFIX:COUNT`; a count of 0 is padding.
fn is_entry(line: &str, suffix: &str) -> bool {
    line.trim()
        .split_once(':')
        .is_some_and(|(found, count)| found.eq_ignore_ascii_case(suffix) && count.trim() != "0")
}

fn hash(password: &str) -> String {
    let mut text = String::with_capacity(40);
    for byte in Sha1::digest(password) {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests;
