//! Which web origins may embed a widget: none by default; wildcards match whole DNS labels.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// Largest number of origins of one widget.
const MAX_ORIGINS: usize = 20;
/// Longest text of one origin, characters; a host name has at most 253.
const MAX_LENGTH: usize = 300;

/// The origin of a page as a browser sends it: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    text: String,
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses an `Origin` header. A browser sends the canonical form, so anything else, `null`
    /// included, is refused.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let origin = Self::of(&Url::parse(header).ok()?)?;
        (origin.text == header).then_some(origin)
    }

    fn of(url: &Url) -> Option<Self> {
        let scheme = url.scheme();
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        Some(Self {
            text: url.origin().ascii_serialization(),
            scheme: scheme.to_owned(),
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// An origin that may embed a widget: exact, or any subdomain of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OriginPattern {
    base: Origin,
    subdomains: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an origin such as https://example.com, http://localhost:3000 or https://*.example.com"
)]
pub(crate) struct NotAnOrigin;

impl OriginPattern {
    /// Parses a creator's input; the default scheme is `https`.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        // Checked before parsing, which shortens unusual spellings of an address.
        if text.chars().count() > MAX_LENGTH {
            return Err(NotAnOrigin);
        }
        let trimmed = text.trim();
        let (scheme, rest) = trimmed.split_once("://").unwrap_or(("https", trimmed));
        let (subdomains, name) = match rest.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, rest),
        };
        let host = name.strip_suffix('/').unwrap_or(name);
        if host.is_empty() || host.contains(['/', '?', '#', '@', '*', '\\', ' ']) {
            return Err(NotAnOrigin);
        }
        let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| NotAnOrigin)?;
        let base = Origin::of(&url).ok_or(NotAnOrigin)?;
        // `*.com` would admit every site, and an IP address has no subdomains.
        if subdomains && (url.domain().is_none() || !base.host.trim_end_matches('.').contains('.'))
        {
            return Err(NotAnOrigin);
        }
        Ok(Self { base, subdomains })
    }

    /// Whether a page of that origin may embed the widget. A wildcard excludes the domain itself.
    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        if !self.subdomains {
            return self.base.text == origin.text;
        }
        let labels = origin.host.strip_suffix(&self.base.host);
        self.base.scheme == origin.scheme
            && self.base.port == origin.port
            && labels.is_some_and(|labels| labels.len() > 1 && labels.ends_with('.'))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.subdomains, self.base.text.split_once("://")) {
            (true, Some((scheme, host))) => write!(f, "{scheme}://*.{host}"),
            _ => f.write_str(&self.base.text),
        }
    }
}

impl TryFrom<String> for OriginPattern {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<OriginPattern> for String {
    fn from(pattern: OriginPattern) -> Self {
        pattern.to_string()
    }
}

/// The origins that may embed a widget: 1 to 20.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<OriginPattern>", into = "Vec<OriginPattern>")]
pub(crate) struct AllowedOrigins(Vec<OriginPattern>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must name 1 to {MAX_ORIGINS} origins")]
pub(crate) struct BadOrigins;

impl AllowedOrigins {
    /// Whether a page of that origin may embed the widget.
    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        self.0.iter().any(|pattern| pattern.admits(origin))
    }
}

/// The origins that the platform allows to an account; `None` allows all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OriginBound(Option<Vec<OriginPattern>>);

impl OriginBound {
    /// Parses the stored list. An entry that is not an origin still restricts and admits nothing.
    pub(crate) fn of(list: &[String]) -> Self {
        let patterns = list
            .iter()
            .filter_map(|text| OriginPattern::parse(text).ok());
        Self((!list.is_empty()).then(|| patterns.collect()))
    }

    /// Whether a page of that origin may embed a widget of the account.
    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        self.0
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| pattern.admits(origin)))
    }

    /// The first of a widget's origins that the account may not use.
    pub(crate) fn outside<'a>(&self, origins: &'a AllowedOrigins) -> Option<&'a OriginPattern> {
        let bound = self.0.as_ref()?;
        let is_inside = |pattern: &OriginPattern| {
            let admits =
                |allowed: &OriginPattern| !pattern.subdomains && allowed.admits(&pattern.base);
            bound
                .iter()
                .any(|allowed| allowed == pattern || admits(allowed))
        };
        origins.0.iter().find(|pattern| !is_inside(pattern))
    }
}

impl TryFrom<Vec<OriginPattern>> for AllowedOrigins {
    type Error = BadOrigins;

    fn try_from(patterns: Vec<OriginPattern>) -> Result<Self, Self::Error> {
        if patterns.is_empty() || patterns.len() > MAX_ORIGINS {
            return Err(BadOrigins);
        }
        Ok(Self(patterns))
    }
}

impl From<AllowedOrigins> for Vec<OriginPattern> {
    fn from(origins: AllowedOrigins) -> Self {
        origins.0
    }
}

impl utoipa::PartialSchema for AllowedOrigins {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
        let item = ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(MAX_LENGTH))
            .examples([serde_json::json!("https://*.example.com")]);
        ArrayBuilder::new()
            .items(item)
            .min_items(Some(1))
            .max_items(Some(MAX_ORIGINS))
            .into()
    }
}

impl utoipa::ToSchema for AllowedOrigins {}

#[cfg(test)]
mod tests;
