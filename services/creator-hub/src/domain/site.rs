//! Sites that creators name, their pages, and the documents that pages become.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_extract::kind::Kind;
use shared_fetch::listing;
use shared_models::{DocumentId, SiteId, SitePageId, Visibility};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use super::document::{UNTITLED, extension, fitting_title, shown_filename};

/// The longest address, bytes.
pub(crate) const MAX_URL: usize = 2048;
/// The most sites of an account.
pub(crate) const MAX_SITES: i64 = 50;
/// The most pages of a site.
pub(crate) const MAX_PAGES: usize = 1_000;
/// The most hours between two synchronisations: a year.
pub(crate) const MAX_HOURS: u16 = 8_760;

/// The address of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteUrl(Url);

/// The text is no address of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an address of at most {MAX_URL} bytes that begins with http:// or https://, without a \
     user or password"
)]
pub(crate) struct NotASite;

impl SiteUrl {
    /// Parses an address; where its host is, is judged when it is connected to.
    pub(crate) fn parse(text: &str) -> Result<Self, NotASite> {
        let mut url = Url::parse(text.trim()).map_err(|_| NotASite)?;
        url.set_fragment(None);
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let is_plain = url.username().is_empty() && url.password().is_none();
        if is_web && is_plain && url.as_str().len() <= MAX_URL {
            Ok(Self(url))
        } else {
            Err(NotASite)
        }
    }

    /// The address.
    pub(crate) const fn as_url(&self) -> &Url {
        &self.0
    }
}

/// What the address of a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SiteKind {
    /// One page.
    Page,
    /// A sitemap, or an index of sitemaps; also packed by gzip.
    Sitemap,
    /// An `llms.txt`; pages are read in Markdown where the site has that.
    LlmsTxt,
    /// RSS, Atom or JSON Feed; an episode counts as its transcript, if it has one.
    Feed,
}

impl From<SiteKind> for listing::SiteKind {
    fn from(kind: SiteKind) -> Self {
        match kind {
            SiteKind::Page => Self::Page,
            SiteKind::Sitemap => Self::Sitemap,
            SiteKind::LlmsTxt => Self::LlmsTxt,
            SiteKind::Feed => Self::Feed,
        }
    }
}

impl From<listing::SiteKind> for SiteKind {
    fn from(kind: listing::SiteKind) -> Self {
        match kind {
            listing::SiteKind::Page => Self::Page,
            listing::SiteKind::Sitemap => Self::Sitemap,
            listing::SiteKind::LlmsTxt => Self::LlmsTxt,
            listing::SiteKind::Feed => Self::Feed,
        }
    }
}

impl SiteKind {
    /// The name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        listing::SiteKind::from(self).as_str()
    }

    /// The kind of that name.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        listing::SiteKind::from_name(word).map(Self::from)
    }
}

/// The state of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SiteState {
    /// The first synchronisation waits.
    Waiting,
    /// A synchronisation runs, or waits for another attempt.
    Syncing,
    /// The last synchronisation read the site.
    Synced,
    /// The last synchronisation failed; `error` says why. What was read before stays.
    Failed,
}

impl SiteState {
    /// The name in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Syncing => "syncing",
            Self::Synced => "synced",
            Self::Failed => "failed",
        }
    }

    /// The state of that name; none for `erasing`, which callers never see.
    pub(crate) fn from_name(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Syncing, Self::Synced, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// A site to be added.
#[derive(Debug, Clone)]
pub(crate) struct SiteToAdd {
    pub(crate) url: SiteUrl,
    pub(crate) kind: Option<SiteKind>,
    pub(crate) every_hours: Option<i32>,
    /// Of the documents that its pages become.
    pub(crate) visibility: Visibility,
}

/// What to change of a site; an absent part stays as it is.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::option_option,
    reason = "absent leaves it, none ends the schedule"
)]
pub(crate) struct SiteUpdate {
    pub(crate) every_hours: Option<Option<i32>>,
    pub(crate) visibility: Option<Visibility>,
}

/// A site.
#[derive(Debug, Clone)]
pub(crate) struct StoredSite {
    pub(crate) id: SiteId,
    pub(crate) url: String,
    pub(crate) kind: Option<SiteKind>,
    pub(crate) found_kind: Option<SiteKind>,
    pub(crate) every_hours: Option<i32>,
    pub(crate) visibility: Visibility,
    pub(crate) state: SiteState,
    pub(crate) error: Option<(String, String)>,
    pub(crate) pages: PageCounts,
    pub(crate) synced_at: Option<Timestamp>,
    pub(crate) next_sync_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// How far a site is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PageCounts {
    /// Pages that the last list names.
    pub(crate) listed: i64,
    /// Those that the synchronisation of that list has dealt with.
    pub(crate) read: i64,
    /// Those that could not be read.
    pub(crate) failed: i64,
}

/// A page of a site.
#[derive(Debug, Clone)]
pub(crate) struct StoredPage {
    pub(crate) id: SitePageId,
    pub(crate) url: String,
    pub(crate) document: Option<DocumentId>,
    pub(crate) is_left_out: bool,
    pub(crate) error_code: Option<String>,
    pub(crate) read_at: Option<Timestamp>,
}

/// A part of a list of sites or pages: what comes after the last of the part before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: i64,
}

/// The name of the file that a page is stored as: the last part of its path, with the ending of
/// what it is.
pub(crate) fn filename_of(url: &Url, content_type: Option<&str>) -> String {
    let path = url.path().trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or_default();
    let last = shown_filename(&decoded(last));
    let known = Kind::of_extension(extension(&last));
    match (declared(content_type), known) {
        (Some(kind), Some(same)) if kind == same => last,
        (None, Some(_)) => last,
        (kind, _) => {
            let ending = kind.unwrap_or(Kind::Html).extensions()[0];
            let stem = if last.is_empty() { "index" } else { &last };
            shown_filename(&format!("{stem}.{ending}"))
        }
    }
}

/// The kind that a `Content-Type` declares; none where it says nothing that helps.
fn declared(content_type: Option<&str>) -> Option<Kind> {
    Some(match content_type? {
        "text/html" | "application/xhtml+xml" => Kind::Html,
        "text/markdown" | "text/x-markdown" => Kind::Markdown,
        "text/csv" | "text/tab-separated-values" => Kind::Csv,
        "text/vtt" => Kind::Vtt,
        "application/x-subrip" | "application/srt" | "text/srt" => Kind::Srt,
        "application/pdf" => Kind::Pdf,
        "application/epub+zip" => Kind::Epub,
        "application/vnd.oasis.opendocument.text" => Kind::Odt,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Kind::Docx,
        "application/vnd.openxmlformats-officedocument.presentationml.presentation" => Kind::Pptx,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Kind::Xlsx,
        _ => return None,
    })
}

/// A part of a path without its percent signs, where it is UTF-8.
fn decoded(text: &str) -> String {
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let value = pairs.next().map(|(_, value)| value.into_owned());
    value.unwrap_or_default()
}

/// The title of a page until it is read: the list's, or the end of its address.
pub(crate) fn title_of(listed: Option<&str>, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let path = decoded(url.path().trim_end_matches('/'));
    let address = format!("{host}{path}");
    listed
        .and_then(fitting_title)
        .or_else(|| fitting_title(&address))
        .unwrap_or_else(|| UNTITLED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::document::TITLE;
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn the_address_of_a_site_is_one_of_the_web() {
        let parse = |text: &str| SiteUrl::parse(text).map(|url| url.as_url().to_string());
        assert_eq!(
            parse(" HTTPS://Example.org#top ").unwrap(),
            "https://example.org/"
        );
        for wrong in [
            "",
            "example.org",
            "ftp://example.org",
            "file:///etc/passwd",
            "mailto:a@example.org",
            "https://ana@example.org",
            "https://:x@example.org",
            "javascript:alert(1)",
        ] {
            assert_eq!(parse(wrong), Err(NotASite), "{wrong}");
        }
        assert_eq!(
            parse(&format!("https://example.org/{}", "a".repeat(2_048))),
            Err(NotASite)
        );
    }

    #[test]
    fn a_page_is_stored_under_a_name_that_says_what_it_is() {
        for (address, content_type, expected) in [
            ("https://example.org/", Some("text/html"), "index.html"),
            (
                "https://example.org/a/guide/",
                Some("text/html"),
                "guide.html",
            ),
            (
                "https://example.org/a/guide.html?x=1",
                Some("text/html"),
                "guide.html",
            ),
            (
                "https://example.org/page.php",
                Some("text/html"),
                "page.php.html",
            ),
            (
                "https://example.org/notes.md",
                Some("text/plain"),
                "notes.md",
            ),
            (
                "https://example.org/notes.md",
                Some("text/html"),
                "notes.md.html",
            ),
            (
                "https://example.org/notes",
                Some("text/markdown"),
                "notes.md",
            ),
            (
                "https://example.org/download?id=7",
                Some("application/pdf"),
                "download.pdf",
            ),
            (
                "https://example.org/a.docx",
                Some("application/octet-stream"),
                "a.docx",
            ),
            ("https://example.org/x", None, "x.html"),
            (
                "https://example.org/Gu%C3%ADa%20r%C3%A1pida",
                Some("text/html"),
                "Guía rápida.html",
            ),
            (
                "https://example.org/..%2F..%2Fetc%2Fpasswd",
                Some("text/html"),
                "passwd.html",
            ),
        ] {
            assert_eq!(
                filename_of(&url(address), content_type),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn a_page_has_a_title_before_it_is_read() {
        let address = url("https://example.org/a%20b/");
        assert_eq!(title_of(Some(" One\u{0} "), &address), "One");
        assert_eq!(title_of(Some("  "), &address), "example.org/a b");
        assert_eq!(title_of(None, &url("https://example.org/")), "example.org");
        let long = title_of(Some(&"ä".repeat(500)), &address);
        assert_eq!(long.chars().count(), TITLE);
    }
}
