//! What lists name, and what is none.

use std::fmt::Write as _;

use proptest::prelude::*;
use url::Url;

use super::{Listing, SiteKind, detect, read};
use crate::failure::FetchFailure;

fn base() -> Url {
    Url::parse("https://www.example.org/docs/sitemap.xml").unwrap()
}

fn pages(kind: SiteKind, body: &str) -> Vec<(String, Option<String>, Option<String>)> {
    match read(kind, &base(), body.as_bytes(), 100) {
        Ok(Listing::Pages(pages)) => pages
            .into_iter()
            .map(|page| {
                let twin = page.twin.map(String::from);
                (page.url.to_string(), twin, page.title)
            })
            .collect(),
        other => panic!("{other:?}"),
    }
}

fn urls(kind: SiteKind, body: &str) -> Vec<String> {
    let pages = pages(kind, body).into_iter();
    pages.map(|(url, ..)| url).collect()
}

fn failure(kind: SiteKind, body: &[u8]) -> FetchFailure {
    read(kind, &base(), body, 100).unwrap_err()
}

#[test]
fn a_sitemap_names_the_pages_of_its_own_site_once() {
    let body = r#"<?xml version="1.0" encoding="UTF-8"?>
        <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
                xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
          <url><loc> https://www.example.org/a?x=1&amp;y=2#part </loc><lastmod>2026-01-01</lastmod>
            <image:image><image:loc>https://www.example.org/picture.png</image:loc></image:image>
          </url>
          <url><loc><![CDATA[https://example.org/b]]></loc></url>
          <url><loc>/c</loc></url>
          <url><loc>https://www.example.org/a?x=1&#38;y=2</loc></url>
          <url><loc>https://elsewhere.example/d</loc></url>
          <url><loc>ftp://www.example.org/e</loc></url>
        </urlset>"#;
    assert_eq!(
        urls(SiteKind::Sitemap, body),
        [
            "https://www.example.org/a?x=1&y=2",
            "https://example.org/b",
            "https://www.example.org/c",
        ]
    );
    let lines = "\u{feff}https://www.example.org/a\r\n\nhttps://www.example.org/b\n";
    assert_eq!(
        urls(SiteKind::Sitemap, lines),
        ["https://www.example.org/a", "https://www.example.org/b"]
    );
}

#[test]
fn an_index_names_other_sitemaps() {
    let body = "<sitemapindex><sitemap><loc>https://example.org/1.xml.gz</loc></sitemap>\
                <sitemap><loc>https://elsewhere.example/2.xml</loc></sitemap></sitemapindex>";
    let listing = read(SiteKind::Sitemap, &base(), body.as_bytes(), 100).unwrap();
    let expected = vec![Url::parse("https://example.org/1.xml.gz").unwrap()];
    assert_eq!(listing, Listing::Sitemaps(expected));
}

#[test]
fn a_sitemap_of_too_many_pages_or_that_was_cut_off_is_refused() {
    let mut body = String::from("<urlset>");
    for number in 0..101 {
        let _ = write!(body, "<url><loc>/{number}</loc></url>");
    }
    assert_eq!(
        failure(SiteKind::Sitemap, body.as_bytes()),
        FetchFailure::TooManyPages
    );
    for (body, expected) in [
        ("<urlset><url><loc>/a</loc></url>", FetchFailure::BadListing),
        (
            "<urlset><url><loc>/a</loc></urlset>",
            FetchFailure::BadListing,
        ),
        ("<urlset></urlset>", FetchFailure::EmptyListing),
        ("<urlset/>", FetchFailure::BadListing),
        ("<sitemapindex></sitemapindex>", FetchFailure::EmptyListing),
        (
            "<html><body>not found</body></html>",
            FetchFailure::BadListing,
        ),
        ("", FetchFailure::EmptyListing),
        ("just words", FetchFailure::BadListing),
    ] {
        assert_eq!(
            failure(SiteKind::Sitemap, body.as_bytes()),
            expected,
            "{body}"
        );
    }
    let deep = "<urlset>".repeat(100);
    assert_eq!(
        failure(SiteKind::Sitemap, deep.as_bytes()),
        FetchFailure::BadListing
    );
}

#[test]
fn entities_of_a_sitemap_are_not_expanded() {
    let body = "<!DOCTYPE urlset [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">\
                <!ENTITY f SYSTEM \"file:///etc/passwd\">]>\
                <urlset><url><loc>/x&b;&f;y</loc></url></urlset>";
    assert_eq!(
        urls(SiteKind::Sitemap, body),
        ["https://www.example.org/xy"]
    );
}

#[test]
fn an_llms_txt_names_pages_with_their_twins() {
    let body = "# Example\n\n> What it is.\n\n## Docs\n\n- [Quick *start*](/start): begin here\n\
                - [Guide](https://example.org/guide/): all of it\n- [Page](page.html)\n\
                - [Notes](notes.md)\n- [Elsewhere](https://elsewhere.example/x)\n\
                - [Mail](mailto:me@example.org)\n- [](/empty)\n\n## Optional\n\n\
                - [Quick start again](/start#later)\n";
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        pages(SiteKind::LlmsTxt, body),
        [
            (
                "https://www.example.org/start".to_owned(),
                some("https://www.example.org/start.md"),
                some("Quick start"),
            ),
            (
                "https://example.org/guide/".to_owned(),
                some("https://example.org/guide/index.html.md"),
                some("Guide"),
            ),
            (
                "https://www.example.org/docs/page.html".to_owned(),
                some("https://www.example.org/docs/page.html.md"),
                some("Page"),
            ),
            (
                "https://www.example.org/docs/notes.md".to_owned(),
                None,
                some("Notes")
            ),
            (
                "https://www.example.org/empty".to_owned(),
                some("https://www.example.org/empty.md"),
                None,
            ),
        ]
    );
    assert_eq!(
        failure(SiteKind::LlmsTxt, b"# Nothing here"),
        FetchFailure::EmptyListing
    );
    assert_eq!(
        failure(SiteKind::LlmsTxt, b"# \xff\xfe"),
        FetchFailure::BadListing
    );
}

const PODCAST: &str = r#"<?xml version="1.0"?>
<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel>
<title>Show</title><link>https://www.example.org/</link><description>d</description>
<item><title>One &amp; two</title><link>https://www.example.org/1</link><guid>1</guid>
  <podcast:transcript url="https://cdn.example/1.json" type="application/json"/>
  <podcast:transcript url="https://cdn.example/1.html" type="text/html"/>
  <podcast:transcript url="https://cdn.example/1.vtt" type="text/vtt"/>
  <enclosure url="https://cdn.example/1.mp3" length="1" type="audio/mpeg"/></item>
<item><title>Three</title><link>/3</link><guid>3</guid></item>
<item><title>Nowhere</title></item>
</channel></rss>"#;

#[test]
fn a_feed_names_the_transcripts_of_its_episodes_or_their_pages() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        pages(SiteKind::Feed, PODCAST),
        [
            (
                "https://cdn.example/1.vtt".to_owned(),
                None,
                some("One & two")
            ),
            ("https://www.example.org/3".to_owned(), None, some("Three")),
        ]
    );
    let atom = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><id>i</id>
        <updated>2026-01-01T00:00:00Z</updated>
        <entry><title>A</title><id>a</id><updated>2026-01-01T00:00:00Z</updated>
        <link rel="enclosure" href="/a.mp3"/><link rel="alternate" href="/a"/></entry></feed>"#;
    assert_eq!(urls(SiteKind::Feed, atom), ["https://www.example.org/a"]);
    let json = r#"{"version":"https://jsonfeed.org/version/1.1","title":"t","items":
        [{"id":"1","url":"https://www.example.org/j","title":"J","content_text":"x"}]}"#;
    assert_eq!(urls(SiteKind::Feed, json), ["https://www.example.org/j"]);
    assert_eq!(
        failure(SiteKind::Feed, b"<html></html>"),
        FetchFailure::BadListing
    );
    assert_eq!(
        failure(SiteKind::Feed, b"<rss version=\"2.0\"><chan"),
        FetchFailure::BadListing
    );
}

#[test]
fn what_an_address_is_shows_in_what_it_answers() {
    let at = |path: &str| {
        Url::parse("https://example.org")
            .unwrap()
            .join(path)
            .unwrap()
    };
    for (path, content_type, body, expected) in [
        ("/", "text/html", "<!doctype html><html>", SiteKind::Page),
        (
            "/s",
            "application/xml",
            "<?xml version='1.0'?><!-- x --><urlset>",
            SiteKind::Sitemap,
        ),
        (
            "/s",
            "text/xml",
            "\u{feff}<x:sitemapindex xmlns:x='y'>",
            SiteKind::Sitemap,
        ),
        (
            "/f",
            "application/rss+xml",
            "<rss version='2.0'>",
            SiteKind::Feed,
        ),
        (
            "/f",
            "application/xml",
            "<feed xmlns='http://www.w3.org/2005/Atom'>",
            SiteKind::Feed,
        ),
        (
            "/f",
            "application/json",
            "{\"version\": \"https://jsonfeed.org/version/1\"",
            SiteKind::Feed,
        ),
        ("/llms.txt", "text/plain", "# Name\n", SiteKind::LlmsTxt),
        (
            "/llms.txt",
            "text/html",
            "<html>soft 404</html>",
            SiteKind::Page,
        ),
        ("/notes.txt", "text/plain", "# Name\n", SiteKind::Page),
        (
            "/x",
            "application/xhtml+xml",
            "<html xmlns='y'>",
            SiteKind::Page,
        ),
        ("/x", "application/pdf", "%PDF-1.7", SiteKind::Page),
    ] {
        let found = detect(&at(path), Some(content_type), body.as_bytes());
        assert_eq!(found, expected, "{path} {body}");
    }
}

proptest! {
    /// Whatever a stranger sends, reading it ends, and never in a panic.
    #[test]
    fn anything_can_be_read(
        kind in prop::sample::select(&SiteKind::ALL[..]),
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[<>/&;#a-z!\\[\\]\"' =\n-]{0,200}".prop_map(String::into_bytes),
            (0..PODCAST.len()).prop_map(|end| PODCAST.as_bytes()[..end].to_vec()),
        ],
    ) {
        let _ = read(kind, &base(), &body, 10);
        let _ = detect(&base(), None, &body);
    }
}
