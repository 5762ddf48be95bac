//! Sitemaps (<https://www.sitemaps.org/protocol.html>): XML, an index of XML, or lines of text.

use quick_xml::Reader as Xml;
use quick_xml::events::Event;
use url::Url;

use super::{ListedPage, Listing, Pages};
use crate::failure::FetchFailure;
use crate::fetcher::MAX_URL;

/// Elements that are nested deeper are refused; sitemaps with extensions have five levels.
const MAX_DEPTH: usize = 32;

/// The name of the first element, without its prefix.
pub(super) fn root(body: &[u8]) -> Option<String> {
    let mut xml = Xml::from_reader(body);
    let mut buffer = Vec::new();
    loop {
        match xml.read_event_into(&mut buffer).ok()? {
            Event::Start(element) | Event::Empty(element) => {
                return Some(element.local_name().as_ref().to_owned());
            }
            Event::Eof => return None,
            _ => buffer.clear(),
        }
    }
}

/// Which addresses an element lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Pages,
    Sitemaps,
}

pub(super) fn read(body: &[u8], pages: Pages) -> Result<Listing, FetchFailure> {
    let is_text = !body.trim_ascii_start().starts_with(b"<") && !body.starts_with(b"\xef\xbb\xbf<");
    if is_text {
        return read_lines(body, pages).map(Listing::Pages);
    }
    read_xml(body, pages)
}

/// One address a line.
fn read_lines(body: &[u8], mut pages: Pages) -> Result<Vec<ListedPage>, FetchFailure> {
    let text = std::str::from_utf8(body).map_err(|_| FetchFailure::BadListing)?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty()) {
        let url = Url::parse(line).map_err(|_| FetchFailure::BadListing)?;
        add(&mut pages, url.as_str())?;
    }
    pages.finish()
}

fn read_xml(body: &[u8], mut pages: Pages) -> Result<Listing, FetchFailure> {
    let mut xml = Xml::from_reader(body);
    let mut buffer = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut of = None;
    let mut sitemaps: Vec<Url> = Vec::new();
    let mut address = String::new();
    loop {
        let event = xml.read_event_into(&mut buffer);
        match event.map_err(|_| FetchFailure::BadListing)? {
            Event::Start(element) => {
                path.push(element.local_name().as_ref().to_owned());
                if path.len() > MAX_DEPTH {
                    return Err(FetchFailure::BadListing);
                }
                if path.len() == 1 {
                    of = Some(kind_of(&path[0])?);
                }
                address.clear();
            }
            Event::End(_) => {
                if is_address(&path) {
                    match of {
                        Some(Of::Pages) => add(&mut pages, &address)?,
                        Some(Of::Sitemaps) => sitemaps.extend(sitemap(&pages, &address)),
                        None => {}
                    }
                }
                address.clear();
                path.pop();
            }
            Event::Text(text) if is_address(&path) => push(&mut address, &text),
            Event::CData(text) if is_address(&path) => push(&mut address, &text),
            Event::GeneralRef(name) if is_address(&path) => {
                let character = name.resolve_char_ref().ok().flatten().map(String::from);
                let named = quick_xml::escape::resolve_predefined_entity(&name);
                push(
                    &mut address,
                    &character.unwrap_or_else(|| named.unwrap_or_default().to_owned()),
                );
            }
            Event::Eof => break,
            _ => {}
        }
        buffer.clear();
    }
    // Without this, a list that was cut off would look complete, and what it lost be removed.
    if !path.is_empty() {
        return Err(FetchFailure::BadListing);
    }
    match of {
        Some(Of::Pages) => pages.finish().map(Listing::Pages),
        Some(Of::Sitemaps) if !sitemaps.is_empty() => Ok(Listing::Sitemaps(sitemaps)),
        Some(Of::Sitemaps) => Err(FetchFailure::EmptyListing),
        None => Err(FetchFailure::BadListing),
    }
}

fn kind_of(root: &str) -> Result<Of, FetchFailure> {
    match root {
        "urlset" => Ok(Of::Pages),
        "sitemapindex" => Ok(Of::Sitemaps),
        _ => Err(FetchFailure::BadListing),
    }
}

/// `urlset/url/loc` and `sitemapindex/sitemap/loc`, and no `loc` of an extension.
fn is_address(path: &[String]) -> bool {
    let [_, entry, leaf] = path else { return false };
    matches!(entry.as_str(), "url" | "sitemap") && leaf == "loc"
}

fn push(address: &mut String, text: &str) {
    let room = MAX_URL.saturating_sub(address.len());
    address.push_str(&text[..text.floor_char_boundary(room)]);
}

/// A list may name pages of its own site only; others are left out.
fn add(pages: &mut Pages, address: &str) -> Result<(), FetchFailure> {
    match pages.resolve(address) {
        Some(url) if pages.is_of_site(&url) => pages.add(ListedPage {
            url,
            twin: None,
            title: None,
        }),
        _ => Ok(()),
    }
}

fn sitemap(pages: &Pages, address: &str) -> Option<Url> {
    pages.resolve(address).filter(|url| pages.is_of_site(url))
}
