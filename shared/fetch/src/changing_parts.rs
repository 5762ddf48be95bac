//! A page without what a server changes with every request, so that a page of which no word has
//! changed is not a new version of itself.

use std::borrow::Cow;

use lol_html::{
    AsciiCompatibleEncoding, HtmlRewriter, MemorySettings, Settings, doc_comments, element,
};

/// Elements that no reader sees: scripts with tokens, styles with hashes in their addresses, fields
/// with the token of a form.
const UNSEEN: &str = "script, style, link, template, input[type=hidden i]";
/// Memory of the rewriter, bytes. It works on a stream, and needs more for one very long tag alone.
const MAX_MEMORY: usize = 4 * 1024 * 1024;
/// Attributes for scripts and for the browser's checks.
const UNSEEN_ATTRIBUTES: [&str; 2] = ["nonce", "integrity"];
/// Attributes for scripts begin so.
const DATA: &str = "data-";
/// What `meta` elements say about the page for its readers. Others hold tokens and times.
const KEPT_META: [&str; 11] = [
    "og:",
    "article:",
    "twitter:",
    "dc.",
    "dc:",
    "dcterms.",
    "description",
    "author",
    "keywords",
    "title",
    "language",
];

/// The page without scripts, styles, comments, hidden fields, and attributes and `meta` elements
/// that are not for readers. Text, links, ids and the declared encoding stay, byte for byte. A page
/// that is not read as a stream of tags, in UTF-16 or with an endless tag, stays as it is.
#[must_use]
pub fn without_changing_parts(page: &[u8]) -> Cow<'_, [u8]> {
    if page.contains(&0) {
        return Cow::Borrowed(page);
    }
    let mut kept = Vec::with_capacity(page.len());
    let is_read = {
        let mut rewriter = HtmlRewriter::new(settings(), |piece: &[u8]| {
            kept.extend_from_slice(piece);
        });
        rewriter.write(page).is_ok() && rewriter.end().is_ok()
    };
    if is_read {
        Cow::Owned(kept)
    } else {
        Cow::Borrowed(page)
    }
}

fn settings() -> Settings<'static, 'static> {
    let unseen = element!(UNSEEN, |element| {
        element.remove();
        Ok(())
    });
    let meta = element!("meta", |element| {
        let name = element
            .get_attribute("name")
            .or_else(|| element.get_attribute("property"));
        if name.is_some_and(|name| !is_for_readers(&name)) {
            element.remove();
        }
        Ok(())
    });
    let attributes = element!("*", |element| {
        let names = element
            .attributes()
            .iter()
            .map(lol_html::html_content::Attribute::name);
        let unseen = names
            .filter(|name| name.starts_with(DATA) || UNSEEN_ATTRIBUTES.contains(&name.as_str()));
        for name in unseen.collect::<Vec<String>>() {
            element.remove_attribute(&name);
        }
        Ok(())
    });
    let comments = doc_comments!(|comment| {
        comment.remove();
        Ok(())
    });
    let memory = MemorySettings::new().with_max_allowed_memory_usage(MAX_MEMORY);
    Settings::new()
        .append_element_content_handler(unseen)
        .append_element_content_handler(meta)
        .append_element_content_handler(attributes)
        .append_document_content_handler(comments)
        .with_memory_settings(memory)
        .with_encoding(any_ascii_based())
        .with_strict(false)
}

/// In this encoding each byte is a character, so that text in any encoding whose tags are ASCII
/// passes unchanged, also where it is not valid.
fn any_ascii_based() -> AsciiCompatibleEncoding {
    AsciiCompatibleEncoding::new(encoding_rs::WINDOWS_1252)
        .unwrap_or_else(AsciiCompatibleEncoding::utf_8)
}

fn is_for_readers(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KEPT_META.iter().any(|kept| name.starts_with(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as a server sends it, with what it changes each time.
    fn page(token: &str, text: &str) -> String {
        format!(
            "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Prices</title>\
             <meta name=\"csrf-token\" content=\"{token}\"><meta name=\"description\" \
             content=\"d\">\
             <link rel=\"stylesheet\" href=\"/a.css?{token}\"><script nonce=\"{token}\">var t = \
             '<p>{token}';</script><style nonce=\"{token}\">p {{}}</style></head><body \
             data-session=\"{token}\"><!-- rendered {token} --><h1 id=\"top\" nonce=\"{token}\">\
             Preise für ½ Jahr</h1><form><input type=\"HIDDEN\" name=\"_token\" \
             value=\"{token}\"><input name=q></form><p>{text} <a href=\"/b?x=1&amp;y=2\">More</a>"
        )
    }

    #[test]
    fn what_changes_with_each_request_is_no_change() {
        let (one, two) = (page("a1b2", "Ten euros."), page("c3d4e5", "Ten euros."));
        let stable = without_changing_parts(one.as_bytes());
        assert_eq!(stable, without_changing_parts(two.as_bytes()));
        let stable = String::from_utf8(stable.into_owned()).unwrap();
        assert!(!stable.contains("a1b2"), "{stable}");
        for kept in [
            "<meta charset=\"utf-8\">",
            "<meta name=\"description\" content=\"d\">",
            "<title>Prices</title>",
            "id=\"top\"",
            "Preise für ½ Jahr",
            "<a href=\"/b?x=1&amp;y=2\">More</a>",
            "<input name=q>",
        ] {
            assert!(stable.contains(kept), "{kept} in {stable}");
        }
    }

    #[test]
    fn a_changed_word_is_a_change() {
        let (one, two) = (page("a1b2", "Ten euros."), page("a1b2", "Nine euros."));
        let stable = without_changing_parts(one.as_bytes());
        assert_ne!(stable, without_changing_parts(two.as_bytes()));
        assert_eq!(
            without_changing_parts(&stable),
            stable,
            "again changes nothing"
        );
    }

    #[test]
    fn bytes_of_every_encoding_stay() {
        let (japanese, _, _) = encoding_rs::SHIFT_JIS.encode("<p>表示 ソフト 申込</p>");
        assert_eq!(without_changing_parts(&japanese), japanese);
        let invalid = b"<p>caf\xe9 \xff\xfe\x81</p>";
        assert_eq!(*without_changing_parts(invalid), invalid[..]);
        let wide = b"\xff\xfe<\0p\0>\0";
        assert_eq!(*without_changing_parts(wide), wide[..]);
        let endless = b"<p>text</p><a href=\"";
        assert!(without_changing_parts(endless).starts_with(b"<p>text</p>"));
    }
}
