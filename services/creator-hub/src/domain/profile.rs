//! The parsed values of a profile.

use std::fmt;

use jiff::tz::TimeZone;
use serde::Deserialize;
use url::Url;

/// Longest URL, characters.
const URL: usize = 2000;
/// Longest language tag, characters.
const LANGUAGE: usize = 35;
/// Most years of experience.
const YEARS: u8 = 50;

/// An invalid value of a profile, with a message for its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidProfileField(&'static str);

impl fmt::Display for InvalidProfileField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An address on the web.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct WebUrl(String);

impl TryFrom<String> for WebUrl {
    type Error = InvalidProfileField;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const UNFIT: InvalidProfileField =
            InvalidProfileField("must be an http or https URL of at most 2000 characters");
        // Parsing may shorten or lengthen the text, so both are checked.
        if text.chars().count() > URL {
            return Err(UNFIT);
        }
        let url = Url::parse(text.trim()).map_err(|_| UNFIT)?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !web || url.as_str().len() > URL {
            return Err(UNFIT);
        }
        // It would be visible to everybody.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidProfileField("must not hold a user name or password"));
        }
        Ok(Self(url.into()))
    }
}

/// A time zone of the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ZoneName(String);

impl TryFrom<String> for ZoneName {
    type Error = InvalidProfileField;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const UNFIT: InvalidProfileField =
            InvalidProfileField("must be an IANA time zone, such as Europe/Madrid");
        let zone = TimeZone::get(text.trim()).map_err(|_| UNFIT)?;
        let name = zone.iana_name().ok_or(UNFIT)?;
        Ok(Self(name.to_owned()))
    }
}

/// A language tag in the shape of BCP 47 and in its usual case: `en`, `pt-BR`, `zh-Hant-TW`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LanguageTag(String);

impl TryFrom<String> for LanguageTag {
    type Error = InvalidProfileField;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const UNFIT: InvalidProfileField =
            InvalidProfileField("must be a language tag, such as en or pt-BR");
        let mut subtags = text.trim().split('-');
        let language = subtags.next().unwrap_or_default();
        if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_alphabetic())
        {
            return Err(UNFIT);
        }
        let mut tag = language.to_ascii_lowercase();
        for subtag in subtags {
            let shaped = (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !shaped {
                return Err(UNFIT);
            }
            tag.push('-');
            tag.push_str(&usual_case(subtag));
        }
        if tag.len() > LANGUAGE {
            Err(UNFIT)
        } else {
            Ok(Self(tag))
        }
    }
}

/// The usual case: regions in capitals, scripts capitalised, the rest in lower case.
fn usual_case(subtag: &str) -> String {
    let lower = subtag.to_ascii_lowercase();
    let letters = subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
    match (subtag.len(), letters) {
        (2, true) => lower.to_ascii_uppercase(),
        (4, true) => {
            let (first, rest) = lower.split_at(1);
            format!("{}{rest}", first.to_ascii_uppercase())
        }
        _ => lower,
    }
}

/// Years of experience, 0 to 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub(crate) struct Years(u8);

impl TryFrom<u8> for Years {
    type Error = InvalidProfileField;

    fn try_from(years: u8) -> Result<Self, Self::Error> {
        if years > YEARS {
            Err(InvalidProfileField("must lie between 0 and 50"))
        } else {
            Ok(Self(years))
        }
    }
}

impl From<Years> for i16 {
    fn from(years: Years) -> Self {
        Self::from(years.0)
    }
}

impl From<WebUrl> for String {
    fn from(url: WebUrl) -> Self {
        url.0
    }
}

impl From<ZoneName> for String {
    fn from(zone: ZoneName) -> Self {
        zone.0
    }
}

impl From<LanguageTag> for String {
    fn from(tag: LanguageTag) -> Self {
        tag.0
    }
}

#[cfg(test)]
mod tests;
