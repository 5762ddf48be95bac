//! Which web origins may embed a widget: denied by default, matched on label boundaries.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Most origins of one widget.
pub(crate) const MAX_ORIGINS: usize = 20;
/// Longest text of one, characters; a host name has at most 253.
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

    /// The canonical text.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// An origin that may embed a widget: exact, or every name below a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct OriginPattern {
    base: Origin,
    below: bool,
}

/// The text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an origin such as https://example.com, http://localhost:3000 or https://*.example.com"
)]
pub(crate) struct NotAnOrigin;

impl OriginPattern {
    /// Parses what a creator writes; without a scheme it means `https`.
    pub(crate) fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        // Before it is parsed: a long spelling of a short address is too long all the same.
        if text.chars().count() > MAX_LENGTH {
            return Err(NotAnOrigin);
        }
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let (below, host) = match rest.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, rest),
        };
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.is_empty() || host.contains(['/', '?', '#', '@', '*', '\\', ' ']) {
            return Err(NotAnOrigin);
        }
        let url = Url::parse(&format!("{scheme}://{host}")).map_err(|_| NotAnOrigin)?;
        let base = Origin::of(&url).ok_or(NotAnOrigin)?;
        // `*.com` would admit everybody, and an address has no names below it.
        if below && (url.domain().is_none() || !base.host.trim_end_matches('.').contains('.')) {
            return Err(NotAnOrigin);
        }
        Ok(Self { base, below })
    }

    /// Whether a page of that origin may embed the widget. The apex is not below itself.
    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        if !self.below {
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
        match (self.below, self.base.text.split_once("://")) {
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

/// The list is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must name 1 to {MAX_ORIGINS} origins")]
pub(crate) struct BadOrigins;

impl AllowedOrigins {
    /// Whether a page of that origin may embed the widget.
    pub(crate) fn admit(&self, origin: &Origin) -> bool {
        self.0.iter().any(|pattern| pattern.admits(origin))
    }
}

/// Where all widgets of an account may be embedded; none named is no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OriginBound(Option<Vec<OriginPattern>>);

impl OriginBound {
    /// The bound of a list. What is no origin bounds and admits nobody.
    pub(crate) fn of(list: &[String]) -> Self {
        let patterns = list
            .iter()
            .filter_map(|text| OriginPattern::parse(text).ok());
        Self((!list.is_empty()).then(|| patterns.collect()))
    }

    /// Whether a page of that origin may embed a widget of the account.
    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        let bound = self.0.as_ref();
        bound.is_none_or(|patterns| patterns.iter().any(|pattern| pattern.admits(origin)))
    }

    /// The first of a widget's origins that lies outside.
    pub(crate) fn outside<'a>(&self, origins: &'a AllowedOrigins) -> Option<&'a OriginPattern> {
        let bound = self.0.as_ref()?;
        let inside = |wanted: &OriginPattern| {
            let admits = |one: &OriginPattern| !wanted.below && one.admits(&wanted.base);
            bound.iter().any(|one| one == wanted || admits(one))
        };
        origins.0.iter().find(|wanted| !inside(wanted))
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
