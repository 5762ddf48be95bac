//! Walks the tree of a page and writes its blocks.

use dom_query::NodeRef;
use shared_document::{Content, Position, Table};

use crate::{ExtractError, Output};

/// Walks the tree. Inline text is collected until the next block begins.
pub(super) struct Walk<'w, 'o> {
    output: &'w mut Output<'o>,
    part: Option<&'w str>,
    text: String,
    anchor: Option<String>,
    outer: u8,
}

impl<'w, 'o> Walk<'w, 'o> {
    pub(super) const fn new(output: &'w mut Output<'o>, part: Option<&'w str>) -> Self {
        Self {
            output,
            part,
            text: String::new(),
            anchor: None,
            outer: 0,
        }
    }

    /// A walk in which all headings are raised by `levels`.
    pub(super) const fn with_outer_headings(mut self, levels: u8) -> Self {
        self.outer = levels;
        self
    }

    /// Writes everything below the root.
    pub(super) fn page(mut self, root: &NodeRef<'_>) -> Result<(), ExtractError> {
        self.children(root)?;
        self.flush()
    }

    fn children(&mut self, node: &NodeRef<'_>) -> Result<(), ExtractError> {
        for child in node.children_it(false) {
            self.node(&child)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &NodeRef<'_>) -> Result<(), ExtractError> {
        if node.is_text() {
            inline(node, &mut self.text);
            return Ok(());
        }
        let name = node.node_name().unwrap_or_default();
        if is_unseen(node, &name) {
            return Ok(());
        }
        match &*name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading(node, &name)?,
            "ul" | "ol" | "menu" => {
                self.flush()?;
                self.note_anchor(node);
                let mut items = Vec::new();
                list_items(node, 0, &mut items);
                self.write(Content::List(items))?;
            }
            "table" if is_data(node) => self.table(node)?,
            "pre" => {
                self.flush()?;
                let code = Content::Code(node.text().to_string());
                self.write(code)?;
            }
            "figcaption" | "caption" => {
                self.flush()?;
                let caption = Content::Caption(inline_text(node));
                self.write(caption)?;
            }
            _ if is_block(&name) => {
                self.flush()?;
                self.note_anchor(node);
                self.children(node)?;
                self.flush()?;
            }
            "a" | "img" | "br" | "input" => {
                self.note_anchor(node);
                inline(node, &mut self.text);
            }
            // An inline element may contain block elements.
            _ => {
                self.note_anchor(node);
                self.children(node)?;
            }
        }
        Ok(())
    }

    fn heading(&mut self, node: &NodeRef<'_>, name: &str) -> Result<(), ExtractError> {
        self.flush()?;
        self.note_anchor(node);
        if let Some(inner) = node.descendants_it().find(|inner| inner.has_attr("id")) {
            self.note_anchor(&inner);
        }
        let level = name
            .as_bytes()
            .get(1)
            .map_or(1, |digit| digit.saturating_sub(b'0'));
        let level = level.saturating_sub(self.outer).max(1);
        let text = inline_text(node);
        self.write(Content::Heading { level, text })
    }

    fn table(&mut self, node: &NodeRef<'_>) -> Result<(), ExtractError> {
        self.flush()?;
        self.note_anchor(node);
        let (mut header, mut rows) = (Vec::new(), Vec::new());
        let mut is_first = true;
        for row in node.descendants_it().filter(|inner| inner.has_name("tr")) {
            let is_cell = |cell: &NodeRef<'_>| cell.has_name("td") || cell.has_name("th");
            let cells: Vec<_> = row.children_it(false).filter(is_cell).collect();
            let is_header = cells.iter().all(|cell| cell.has_name("th"))
                || row.parent().is_some_and(|parent| parent.has_name("thead"));
            let texts: Vec<String> = cells.iter().map(inline_text).collect();
            if is_first && is_header && !texts.is_empty() {
                header = texts;
            } else if !texts.is_empty() {
                rows.push(texts);
            }
            is_first = false;
        }
        if header.is_empty() && rows.len() > 1 {
            header = rows.remove(0);
        }
        if let Some(caption) = node
            .children_it(false)
            .find(|inner| inner.has_name("caption"))
        {
            let caption = Content::Caption(inline_text(&caption));
            self.write(caption)?;
        }
        self.write(Content::Table(Table { header, rows }))
    }

    /// Uses the element's id as the position of the next block.
    fn note_anchor(&mut self, node: &NodeRef<'_>) {
        let id = node.id_attr().filter(|id| !id.is_empty());
        if let Some(id) = id.or_else(|| node.attr("name").filter(|_| node.has_name("a"))) {
            self.anchor = Some(id.to_string());
        }
    }

    fn flush(&mut self) -> Result<(), ExtractError> {
        let text = std::mem::take(&mut self.text);
        if text.trim().is_empty() {
            return Ok(());
        }
        self.write(Content::Paragraph(text))
    }

    fn write(&mut self, content: Content) -> Result<(), ExtractError> {
        let anchor = match (self.part, &self.anchor) {
            (Some(part), Some(anchor)) => Some(format!("{part}#{anchor}")),
            (Some(part), None) => Some(part.to_owned()),
            (None, anchor) => anchor.clone(),
        };
        self.output.block(content, anchor.map(Position::Anchor))
    }
}

/// Whether an element is not displayed.
fn is_unseen(node: &NodeRef<'_>, name: &str) -> bool {
    let is_kind = matches!(
        name,
        "script"
            | "style"
            | "noscript"
            | "template"
            | "head"
            | "svg"
            | "iframe"
            | "object"
            | "select"
            | "textarea"
            | "button"
            | "title"
    );
    is_kind || node.is_comment() || node.has_attr("hidden")
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "body"
            | "html"
            | "header"
            | "footer"
            | "nav"
            | "aside"
            | "blockquote"
            | "figure"
            | "address"
            | "dl"
            | "dt"
            | "dd"
            | "form"
            | "fieldset"
            | "details"
            | "summary"
            | "hr"
            | "table"
            | "thead"
            | "tbody"
            | "tfoot"
            | "tr"
            | "td"
            | "th"
            | "li"
            | "center"
    )
}

/// A table that lays out a page has one column or holds blocks of its own.
fn is_data(node: &NodeRef<'_>) -> bool {
    let (mut rows, mut columns) = (0, 0);
    for inner in node.descendants_it() {
        let name = inner.node_name().unwrap_or_default();
        match &*name {
            "table" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4" | "pre" => return false,
            "tr" => {
                rows += 1;
                let is_cell = |cell: &NodeRef<'_>| cell.has_name("td") || cell.has_name("th");
                columns = columns.max(inner.children_it(false).filter(is_cell).count());
            }
            _ => {}
        }
    }
    rows > 1 && columns > 1
}

fn list_items(list: &NodeRef<'_>, depth: usize, items: &mut Vec<String>) {
    let is_ordered = list.has_name("ol");
    let start = list
        .attr("start")
        .and_then(|start| start.parse::<i64>().ok());
    let mut number = start.unwrap_or(1);
    for item in list.children_it(false) {
        if is_list(&item) {
            list_items(&item, depth + 1, items);
            continue;
        }
        if !item.has_name("li") {
            continue;
        }
        let (mut text, mut inner) = (String::new(), Vec::new());
        item_text(&item, &mut text, &mut inner);
        let indent = "  ".repeat(depth);
        let marker = if is_ordered {
            format!("{number}.")
        } else {
            "-".to_owned()
        };
        if !text.trim().is_empty() {
            items.push(format!("{indent}{marker} {}", text.trim()));
        }
        number += 1;
        for list in inner {
            list_items(&list, depth + 1, items);
        }
    }
}

fn is_list(node: &NodeRef<'_>) -> bool {
    ["ul", "ol", "menu"].iter().any(|name| node.has_name(name))
}

/// The text of an item without the lists in it, which come after it.
fn item_text<'a>(node: &NodeRef<'a>, text: &mut String, inner: &mut Vec<NodeRef<'a>>) {
    for child in node.children_it(false) {
        let name = child.node_name().unwrap_or_default();
        if is_list(&child) {
            inner.push(child);
        } else if is_block(&name) {
            if !text.trim().is_empty() {
                text.push('\n');
            }
            item_text(&child, text, inner);
            text.push('\n');
        } else {
            inline(&child, text);
        }
    }
}

fn inline_text(node: &NodeRef<'_>) -> String {
    let mut text = String::new();
    inline(node, &mut text);
    text
}

/// Appends the text of a node: white space as a browser shows it, links with their target.
fn inline(node: &NodeRef<'_>, text: &mut String) {
    if node.is_text() {
        let raw = node.text();
        for (number, word) in raw.split([' ', '\n', '\t', '\r', '\u{c}']).enumerate() {
            if number > 0 && !text.is_empty() && !text.ends_with([' ', '\n']) {
                text.push(' ');
            }
            text.push_str(word);
        }
        return;
    }
    let name = node.node_name().unwrap_or_default();
    if is_unseen(node, &name) {
        return;
    }
    match &*name {
        "br" => text.push('\n'),
        "img" => text.push_str(node.attr_or("alt", "").trim()),
        _ => {
            let start = text.len();
            for child in node.children_it(false) {
                inline(&child, text);
            }
            if is_block(&name) && !text.is_empty() {
                text.push('\n');
            }
            let target = node.attr("href").filter(|_| &*name == "a");
            if let Some(target) = target {
                push_target(text, start, &target);
            }
        }
    }
}

/// Appends where a link leads, unless its text says so.
pub(crate) fn push_target(text: &mut String, start: usize, target: &str) {
    let is_address = ["http://", "https://", "mailto:", "tel:"];
    let bare = target
        .trim_start_matches("mailto:")
        .trim_start_matches("tel:");
    let shown = text.get(start..).unwrap_or_default();
    let bare_host = bare
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let is_shown = shown.contains(bare_host.trim_end_matches('/'));
    let is_useful = is_address.iter().any(|scheme| target.starts_with(scheme));
    if is_useful && !is_shown && !shown.trim().is_empty() && bare.len() < 500 {
        text.push_str(" (");
        text.push_str(bare);
        text.push(')');
    }
}
