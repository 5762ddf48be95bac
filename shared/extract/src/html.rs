//! Pages: the main content where there is one, and all of the body where there is none.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use dom_query::{Document, NodeRef};
use dom_smoothie::Readability;
use shared_document::{Content, ReadFailure, WarningCode};

use crate::charset::{self, Charset};
use crate::{ExtractError, Extractor, Output};

pub(crate) mod walk;

use walk::Walk;

/// A tree that is deeper is refused.
const MAX_DEPTH: usize = 200;
/// If the detected main content has a smaller share of the page's words (percent), too much would
/// be lost, and the whole body is read.
const MIN_SHARE: usize = 60;
/// By how many levels the library lowers the headings of the main content.
const SHIFT: u8 = 1;
/// Elements without text of the author.
const NO_TEXT: &str = "script, style, noscript, template, svg, iframe, object, head > *:not(title)";
/// Elements around the content of a page.
const AROUND: &str = "nav, footer, aside, [role=navigation], [role=banner], [role=contentinfo]";

/// A page.
pub(crate) struct Html;

impl Extractor for Html {
    fn read(&self, input: &mut File, output: &mut Output<'_>) -> Result<(), ExtractError> {
        Self::read_page(input, output)
    }
}

impl Html {
    /// Reads a page from its beginning.
    pub(crate) fn read_page(
        input: &mut (impl Read + Seek),
        output: &mut Output<'_>,
    ) -> Result<(), ExtractError> {
        let mut bytes = Vec::new();
        input.seek(SeekFrom::Start(0))?;
        input.read_to_end(&mut bytes)?;
        let (
            page,
            Charset {
                encoding,
                is_guessed,
            },
        ) = charset::decode_page(&bytes);
        drop(bytes);
        output.charset(encoding.name());
        if is_guessed {
            output.warn(WarningCode::GuessedCharset, None);
        }
        page_blocks(&page, output)
    }
}

/// Writes the blocks of a whole page.
fn page_blocks(page: &str, output: &mut Output<'_>) -> Result<(), ExtractError> {
    let document = Document::from(page);
    check_depth(&document.root())?;
    let title = document.select_single("title").text();
    output.title(&title);
    let before = output.blocks();
    match main_content(&document) {
        Some(article) => {
            let article = Document::from(article);
            check_depth(&article.root())?;
            let title = document
                .select("h1")
                .iter()
                .next()
                .map(|title| title.text());
            let kept = article.root().text();
            let title = title.filter(|title| !kept.contains(title.trim()));
            if let Some(title) = title {
                let text = title.to_string();
                output.block(Content::Heading { level: 1, text }, None)?;
            }
            Walk::new(output, None)
                .with_outer_headings(SHIFT)
                .page(&article.root())?;
        }
        None => Walk::new(output, None).page(&document.root())?,
    }
    if output.blocks() == before && !document.select("img").is_empty() {
        return Err(ReadFailure::NoText.into());
    }
    Ok(())
}

/// Writes the blocks of a chapter or a fragment; `part` is the file that positions name.
pub(crate) fn fragment_blocks(
    html: &str,
    part: Option<&str>,
    output: &mut Output<'_>,
) -> Result<(), ExtractError> {
    let document = Document::from(html);
    check_depth(&document.root())?;
    document.select(NO_TEXT).remove();
    Walk::new(output, part).page(&document.root())
}

/// The main content as HTML, if it has most of the page's words.
fn main_content(document: &Document) -> Option<String> {
    document.select(NO_TEXT).remove();
    let words = |text: &str| text.split_whitespace().count();
    let whole = words(&document.body()?.text());
    let copy = Document::from(document.html());
    copy.select(AROUND).remove();
    let inner = words(&copy.body()?.text());
    // The library makes each h1 an h2 beside those that are there; so all of them move.
    for level in (1..6).rev() {
        let (from, to) = (format!("h{level}"), format!("h{}", level + SHIFT));
        for heading in copy.select(&from).nodes() {
            heading.rename(&to);
        }
    }
    let mut readability = Readability::with_document(copy, None, None).ok()?;
    let article = readability.parse().ok()?;
    let kept = words(&article.text_content);
    let is_most = |of: usize| kept * 100 >= of * MIN_SHARE && kept > 0;
    // What is left out must be mostly what surrounds the content.
    (is_most(inner) && kept * 4 >= whole).then(|| article.content.to_string())
}

/// A tree that is too deep: walking it would run out of stack.
fn check_depth(root: &NodeRef<'_>) -> Result<(), ReadFailure> {
    let (mut node, mut depth) = (*root, 0);
    loop {
        if let Some(child) = node.first_child() {
            node = child;
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(ReadFailure::TooDeep);
            }
            continue;
        }
        while node.next_sibling().is_none() {
            match node.parent() {
                Some(parent) if depth > 0 => {
                    node = parent;
                    depth -= 1;
                }
                _ => return Ok(()),
            }
            if depth == 0 {
                return Ok(());
            }
        }
        match node.next_sibling() {
            Some(next) => node = next,
            None => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
