//! The name of an original file that is downloaded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a value of an extended parameter encodes (RFC 8187, 3.2.1).
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The value of `Content-Disposition` (RFC 6266) for a file that is saved.
pub(crate) fn saved(filename: &str) -> String {
    format!("attachment; {}", parameters(filename))
}

/// The value for a file that is shown.
pub(crate) fn shown(filename: &str) -> String {
    format!("inline; {}", parameters(filename))
}

/// The file's own name in UTF-8, and for old clients one of ASCII.
fn parameters(filename: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    let ascii: String = filename
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    let exact = utf8_percent_encode(filename, NOT_ATTR_CHAR);
    format!("filename=\"{ascii}\"; filename*=UTF-8''{exact}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_parameter() {
        assert_eq!(
            saved("Über \"uns\"; x=\r\n1.pdf"),
            "attachment; filename=\"_ber _uns__ x___1.pdf\"; \
             filename*=UTF-8''%C3%9Cber%20%22uns%22%3B%20x%3D%0D%0A1.pdf"
        );
    }
}
