//! Turns the events of the Markdown parser into blocks.

use pulldown_cmark::{Event, Tag, TagEnd};
use shared_document::{Content, Table};

use super::embedded_html;
use crate::html::walk::push_target;
use crate::{ExtractError, Output};

/// Collects text until a block ends. Inside of a list everything belongs to its items.
pub(super) struct Reader<'r, 'o> {
    output: &'r mut Output<'o>,
    text: String,
    items: Vec<String>,
    /// The numbers of the next items of the lists that are open; none for bullets.
    lists: Vec<Option<u64>>,
    /// The items that are open.
    open: Vec<usize>,
    table: Table,
    row: Vec<String>,
    /// Where the text of a link begins, and its target.
    links: Vec<(usize, String)>,
    html: String,
}

impl<'r, 'o> Reader<'r, 'o> {
    pub(super) fn new(output: &'r mut Output<'o>) -> Self {
        Self {
            output,
            text: String::new(),
            items: Vec::new(),
            lists: Vec::new(),
            open: Vec::new(),
            table: Table::default(),
            row: Vec::new(),
            links: Vec::new(),
            html: String::new(),
        }
    }

    pub(super) fn finish(mut self) -> Result<(), ExtractError> {
        self.paragraph()
    }

    pub(super) fn event(&mut self, event: Event<'_>) -> Result<(), ExtractError> {
        match event {
            Event::Start(tag) => self.start(tag)?,
            Event::End(tag) => self.end(tag)?,
            Event::Text(text)
            | Event::Code(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text) => self.text.push_str(&text),
            Event::Html(html) => self.html.push_str(&html),
            Event::InlineHtml(html) => {
                if html.to_ascii_lowercase().starts_with("<br") {
                    self.text.push('\n');
                }
            }
            Event::SoftBreak | Event::HardBreak => self.text.push('\n'),
            Event::FootnoteReference(label) => {
                self.text.push_str("[^");
                self.text.push_str(&label);
                self.text.push(']');
            }
            Event::TaskListMarker(is_done) => {
                self.text.push_str(if is_done { "[x] " } else { "[ ] " });
            }
            Event::Rule => {}
        }
        Ok(())
    }

    fn start(&mut self, tag: Tag<'_>) -> Result<(), ExtractError> {
        match tag {
            Tag::List(first) => {
                if self.lists.is_empty() {
                    self.paragraph()?;
                } else {
                    self.add_to_item();
                }
                self.lists.push(first);
            }
            Tag::Item => {
                let depth = self.lists.len().saturating_sub(1);
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => "- ".to_owned(),
                };
                self.items.push(format!("{}{marker}", "  ".repeat(depth)));
                self.open.push(self.items.len() - 1);
            }
            Tag::CodeBlock(_) => {
                self.paragraph()?;
            }
            Tag::FootnoteDefinition(label) => {
                self.paragraph()?;
                self.text = format!("[^{label}]: ");
            }
            Tag::Link { dest_url, .. } => {
                self.links.push((self.text.len(), dest_url.into_string()));
            }
            Tag::Paragraph if self.text.starts_with("[^") => {}
            Tag::Paragraph
            | Tag::Heading { .. }
            | Tag::Table(_)
            | Tag::BlockQuote(_)
            | Tag::HtmlBlock => self.paragraph()?,
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) -> Result<(), ExtractError> {
        match tag {
            TagEnd::Heading(level) if self.open.is_empty() => {
                let text = std::mem::take(&mut self.text);
                let content = Content::Heading {
                    level: level as u8,
                    text,
                };
                self.output.block(content, None)?;
            }
            TagEnd::Paragraph | TagEnd::FootnoteDefinition | TagEnd::Heading(_) => {
                self.paragraph()?;
            }
            TagEnd::CodeBlock => {
                if self.open.is_empty() {
                    let code = Content::Code(std::mem::take(&mut self.text));
                    self.output.block(code, None)?;
                } else {
                    self.add_to_item();
                }
            }
            TagEnd::Item => {
                self.add_to_item();
                self.open.pop();
            }
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    let items = std::mem::take(&mut self.items);
                    let items = items.into_iter().filter(|item| !item.trim().is_empty());
                    self.output.block(Content::List(items.collect()), None)?;
                }
            }
            TagEnd::TableCell => self.row.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead => self.table.header = std::mem::take(&mut self.row),
            TagEnd::TableRow => self.table.rows.push(std::mem::take(&mut self.row)),
            TagEnd::Table => {
                let table = Content::Table(std::mem::take(&mut self.table));
                self.output.block(table, None)?;
            }
            TagEnd::Link => {
                if let Some((start, target)) = self.links.pop() {
                    push_target(&mut self.text, start, &target);
                }
            }
            TagEnd::HtmlBlock => {
                let html = std::mem::take(&mut self.html);
                embedded_html(&html, self.output)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The text so far is a paragraph, of the document or of the item that is open.
    fn paragraph(&mut self) -> Result<(), ExtractError> {
        if !self.open.is_empty() {
            self.add_to_item();
            return Ok(());
        }
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return Ok(());
        }
        self.output.block(Content::Paragraph(text), None)
    }

    fn add_to_item(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim_end();
        let Some(item) = self.open.last().and_then(|at| self.items.get_mut(*at)) else {
            text.clone_into(&mut self.text);
            return;
        };
        if !text.is_empty() {
            if !item.ends_with([' ', '\n']) {
                item.push('\n');
            }
            item.push_str(text);
        }
    }
}
