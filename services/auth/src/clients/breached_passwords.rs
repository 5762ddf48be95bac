//! Whether a password leaked elsewhere, asked without telling it: only five digits of its hash go
//! out, and no answer in time is no objection.

mod file;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use sha1::{Digest as _, Sha1};

use crate::config::BreachedList;
use crate::domain::password::Violation;

/// Longest wait for an answer: nobody's registration hangs on somebody else's service.
const PATIENCE: Duration = Duration::from_millis(500);
/// So many digits of the hash go out; about a thousand hashes begin so.
const PREFIX: usize = 5;

/// The list, if the platform has one.
#[derive(Debug, Clone)]
pub(crate) struct Breached {
    list: Option<BreachedList>,
    http: reqwest::Client,
}

/// Why nobody could say.
#[derive(Debug, thiserror::Error)]
enum Silence {
    #[error("no answer within {PATIENCE:?}")]
    Late,
    #[error(transparent)]
    Service(#[from] reqwest::Error),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("the search broke off")]
    Broken,
}

impl Breached {
    pub(crate) const fn new(list: Option<BreachedList>, http: reqwest::Client) -> Self {
        Self { list, http }
    }

    /// The violation, if the list knows the password.
    pub(crate) async fn check(&self, password: &str) -> Option<Violation> {
        let list = self.list.as_ref()?;
        let hash = hash(password);
        let asked = tokio::time::timeout(PATIENCE, self.ask(list, &hash)).await;
        match asked.unwrap_or(Err(Silence::Late)) {
            Ok(known) => known.then_some(Violation::Breached),
            Err(cause) => {
                metrics::counter!("auth_breach_checks_skipped_total").increment(1);
                tracing::warn!(%cause, "breached passwords cannot be looked up: let through");
                None
            }
        }
    }

    async fn ask(&self, list: &BreachedList, hash: &str) -> Result<bool, Silence> {
        match list {
            BreachedList::File(path) => {
                let (path, hash) = (path.clone(), hash.to_owned());
                let search = move || file::holds(Path::new(&path), &hash);
                let found = tokio::task::spawn_blocking(search).await;
                Ok(found.map_err(|_| Silence::Broken)??)
            }
            BreachedList::Service(url) => {
                let (prefix, rest) = hash.split_at(PREFIX);
                let request = self.http.get(format!("{url}/{prefix}"));
                // Padding hides in the size of the answer which prefix was asked for.
                let answer = request.header("Add-Padding", "true").send().await?;
                let text = answer.error_for_status()?.text().await?;
                Ok(text.lines().any(|line| is_entry(line, rest)))
            }
        }
    }
}

/// A line of a range answer is `REST:COUNT`; a count of 0 is padding.
fn is_entry(line: &str, rest: &str) -> bool {
    line.trim()
        .split_once(':')
        .is_some_and(|(found, count)| found.eq_ignore_ascii_case(rest) && count.trim() != "0")
}

fn hash(password: &str) -> String {
    let mut text = String::with_capacity(40);
    for byte in Sha1::digest(password) {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests;
