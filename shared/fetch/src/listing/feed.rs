//! Feeds: RSS, Atom and JSON Feed. An episode counts as its transcript, if it has one.

use feed_rs::model::{Entry, Transcript};

use super::{ListedPage, Pages};
use crate::failure::FetchFailure;

/// The longest title that is kept, characters.
const MAX_TITLE: usize = 200;
/// Kinds of transcripts that documents can have, the one with times first.
const TRANSCRIPTS: [&str; 6] = [
    "text/vtt",
    "application/x-subrip",
    "application/srt",
    "text/srt",
    "text/html",
    "text/plain",
];

pub(super) fn read(body: &[u8], mut pages: Pages) -> Result<Vec<ListedPage>, FetchFailure> {
    let base = pages.base.to_string();
    let parser = feed_rs::parser::Builder::new().base_uri(Some(base)).build();
    let feed = parser.parse(body).map_err(|_| FetchFailure::BadListing)?;
    for entry in feed.entries {
        // What a feed links is chosen by its author, wherever it is: transcripts are often with
        // another provider.
        let address = transcript(&entry).or_else(|| link(&entry));
        let Some(url) = address.and_then(|address| pages.resolve(&address)) else {
            continue;
        };
        let title = entry.title.map(|title| title.content);
        let title: Option<String> = title.map(|text| text.trim().chars().take(MAX_TITLE).collect());
        pages.add(ListedPage {
            url,
            twin: None,
            title: title.filter(|text| !text.is_empty()),
        })?;
    }
    pages.finish()
}

fn transcript(entry: &Entry) -> Option<String> {
    let all = || entry.media.iter().flat_map(|media| &media.transcripts);
    let is = |transcript: &&Transcript, kind: &str| {
        transcript.content_type.essence().to_string() == kind
    };
    let best = TRANSCRIPTS
        .iter()
        .find_map(|kind| all().find(|transcript| is(transcript, kind)));
    best.map(|transcript| transcript.url.to_string())
}

fn link(entry: &Entry) -> Option<String> {
    let is_page = |rel: Option<&str>| rel.is_none_or(|rel| rel == "alternate");
    let mut links = entry.links.iter();
    links
        .find(|link| is_page(link.rel.as_deref()))
        .map(|link| link.href.clone())
}
