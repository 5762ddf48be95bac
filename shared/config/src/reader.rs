//! Turns environment variables into settings and reports every problem at once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::Secret;

/// Shortest secret that a service starts with, bytes.
pub const SECRET_MIN_LENGTH: usize = 16;

/// Beginnings of secrets that are placeholders.
const PLACEHOLDERS: [&str; 8] = [
    "changeme",
    "change-me",
    "change_me",
    "default",
    "example",
    "insecure",
    "password",
    "secret",
];

/// One setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The environment variable.
    pub key: &'static str,
    /// What is wrong with it, without its value.
    pub reason: String,
}

/// All settings that are missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} setting(s) are missing or wrong:", self.0.len())?;
        for problem in &self.0 {
            write!(f, " {} {};", problem.key, problem.reason)?;
        }
        Ok(())
    }
}

/// Reads settings; collects problems instead of stopping at the first.
#[derive(Debug, Clone, Default)]
pub struct Reader {
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

impl Reader {
    /// Reads the environment of this process: the only place that does.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
    pub fn from_env() -> Self {
        Self::from_map(std::env::vars().collect())
    }

    /// Reads the given values, as tests and the contract test do.
    pub const fn from_map(values: BTreeMap<String, String>) -> Self {
        Self {
            values,
            problems: Vec::new(),
        }
    }

    /// A required value; an empty one counts as missing.
    pub fn required(&mut self, key: &'static str) -> String {
        let value = self.value(key).map(str::to_owned);
        value.unwrap_or_else(|| {
            self.problem(key, "is not set");
            String::new()
        })
    }

    /// A value with a default.
    pub fn optional(&self, key: &'static str, default: &str) -> String {
        self.value(key).unwrap_or(default).to_owned()
    }

    /// The value of a variable whose name depends on another setting.
    pub fn named(&self, key: &str) -> Option<String> {
        self.value(key).map(str::to_owned)
    }

    /// A value that is parsed, with a default.
    pub fn parsed<T: FromStr>(&mut self, key: &'static str, default: T) -> T
    where
        T::Err: fmt::Display,
    {
        match self.value(key).map(str::parse) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(error)) => {
                self.problem(key, &error.to_string());
                default
            }
        }
    }

    /// A number within bounds, with a default.
    pub fn bounded<T>(&mut self, key: &'static str, default: T, low: T, high: T) -> T
    where
        T: FromStr + PartialOrd + fmt::Display + Copy,
        T::Err: fmt::Display,
    {
        let value = self.parsed(key, default);
        if value < low || value > high {
            self.problem(key, &format!("must lie between {low} and {high}"));
        }
        value
    }

    /// A base URL that must be there: `http` or `https`, given back without a trailing slash.
    pub fn url(&mut self, key: &'static str) -> String {
        let value = self.required(key);
        if !value.is_empty() && !value.starts_with("http://") && !value.starts_with("https://") {
            self.problem(key, "must begin with http:// or https://");
        }
        value.trim_end_matches('/').to_owned()
    }

    /// A required secret: long enough, and not a placeholder.
    pub fn secret(&mut self, key: &'static str) -> Secret<String> {
        let value = self.required(key);
        if value.is_empty() {
            return Secret::new(value);
        }
        let lower = value.to_lowercase();
        if value.len() < SECRET_MIN_LENGTH {
            self.problem(
                key,
                &format!("is shorter than {SECRET_MIN_LENGTH} characters"),
            );
        } else if PLACEHOLDERS.iter().any(|word| lower.starts_with(word)) {
            self.problem(key, "is a placeholder, not a secret");
        }
        Secret::new(value)
    }

    /// Certificates in PEM format, if the variable is set.
    pub fn certificates(&mut self, key: &'static str) -> Option<String> {
        let text = self.value(key)?.to_owned();
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            self.problem(key, "must be certificates in PEM format");
        }
        Some(text)
    }

    /// Records a problem that only the caller can see.
    pub fn problem(&mut self, key: &'static str, reason: &str) {
        self.problems.push(Problem {
            key,
            reason: reason.to_owned(),
        });
    }

    /// Returns the settings, or all problems.
    pub fn finish<T>(self, settings: T) -> Result<T, Problems> {
        if self.problems.is_empty() {
            Ok(settings)
        } else {
            Err(Problems(self.problems))
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests;
