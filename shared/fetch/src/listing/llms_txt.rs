//! `llms.txt` (<https://llmstxt.org>): Markdown whose links are the pages; beside each page there
//! may be its twin in Markdown.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use url::Url;

use super::{ListedPage, Pages};
use crate::failure::FetchFailure;

/// The longest title that is kept, characters.
const MAX_TITLE: usize = 200;

pub(super) fn read(body: &[u8], mut pages: Pages) -> Result<Vec<ListedPage>, FetchFailure> {
    let text = std::str::from_utf8(body).map_err(|_| FetchFailure::BadListing)?;
    let text = text.trim_start_matches('\u{feff}');
    let mut link: Option<(Url, String)> = None;
    for event in Parser::new(text) {
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let url = pages.resolve(&dest_url).filter(|url| pages.is_of_site(url));
                link = url.map(|url| (url, String::new()));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, title)) = &mut link {
                    title.push_str(&words);
                }
            }
            Event::End(TagEnd::Link) => {
                if let Some((url, title)) = link.take() {
                    let title: String = title.trim().chars().take(MAX_TITLE).collect();
                    pages.add(ListedPage {
                        twin: twin(&url),
                        url,
                        title: (!title.is_empty()).then_some(title),
                    })?;
                }
            }
            _ => {}
        }
    }
    pages.finish()
}

/// `/guide.html` has its twin at `/guide.html.md`, `/guide/` at `/guide/index.html.md`.
fn twin(url: &Url) -> Option<Url> {
    let path = url.path();
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_page = name.is_empty() || !name.contains('.') || is_html(name);
    if !is_page {
        return None;
    }
    let mut twin = url.clone();
    let file = if name.is_empty() { "index.html" } else { "" };
    twin.set_path(&format!("{path}{file}.md"));
    Some(twin)
}

fn is_html(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".html", ".htm", ".xhtml"]
        .iter()
        .any(|end| name.ends_with(end))
}
