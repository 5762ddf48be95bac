//! The name of an uploaded file, as clients of all kinds write it into `Content-Disposition`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The name is missing or in a form that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadName {
    #[error("is missing: send the file with its name")]
    Missing,
    #[error("cannot be read: write it in UTF-8")]
    Unreadable,
}

/// The name in the header of a part: `filename*` (RFC 5987), else `filename` in UTF-8 or Latin-1,
/// with encoded words (RFC 2047) and the quoting of browsers undone.
pub(crate) fn of_disposition(header: &[u8]) -> Result<String, BadName> {
    let parameters = parameters(header);
    let value = |name: &str| {
        let mut all = parameters.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    };
    let name = match (value("filename*"), value("filename")) {
        (Some(extended), _) => of_extended(extended)?,
        (None, Some(plain)) => of_plain(plain)?,
        (None, None) => return Err(BadName::Missing),
    };
    if name.trim().is_empty() {
        return Err(BadName::Missing);
    }
    Ok(name)
}

/// The parameters of a header, without quotes.
fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(at) = rest.iter().position(|byte| *byte == b';') {
        rest = rest[at + 1..].trim_ascii_start();
        let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else {
            break;
        };
        if rest[equals] == b';' {
            rest = &rest[equals..];
            continue;
        }
        let key = String::from_utf8_lossy(rest[..equals].trim_ascii()).into_owned();
        rest = rest[equals + 1..].trim_ascii_start();
        let value;
        (value, rest) = if rest.first() == Some(&b'"') {
            quoted(&rest[1..])
        } else {
            let end = rest
                .iter()
                .position(|byte| *byte == b';')
                .unwrap_or(rest.len());
            (rest[..end].trim_ascii().to_vec(), &rest[end..])
        };
        found.push((key, value));
    }
    found
}

/// A quoted value and what follows. A backslash escapes a quote only: in other places it parts the
/// folders of a path.
fn quoted(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match (byte, behind.first()) {
            (b'"', _) => break,
            (b'\\', Some(b'"')) => {
                value.push(b'"');
                rest = &behind[1..];
            }
            _ => value.push(*byte),
        }
    }
    (value, rest)
}

/// `UTF-8'en'a%20b`.
fn of_extended(value: &[u8]) -> Result<String, BadName> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(BadName::Unreadable);
    };
    decoded(charset, &without_percents(text, |_| true))
}

fn of_plain(value: &[u8]) -> Result<String, BadName> {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(value),
    };
    let text = if text.contains("=?") {
        encoded_words(&text)?
    } else {
        text
    };
    // Browsers write these three in this way, and nothing else.
    let is_quoting = |byte: u8| matches!(byte, b'"' | b'\r' | b'\n');
    let bytes = without_percents(text.as_bytes(), is_quoting);
    String::from_utf8(bytes).map_err(|_| BadName::Unreadable)
}

/// Replaces `%22` and the like where the byte is wanted.
fn without_percents(text: &[u8], is_wanted: impl Fn(u8) -> bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let code = behind.get(..2).filter(|_| *byte == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code.filter(|code| is_wanted(*code)) {
            Some(code) => {
                bytes.push(code);
                rest = &behind[2..];
            }
            None => bytes.push(*byte),
        }
    }
    bytes
}

/// `=?utf-8?B?R3XDrWE=?=` and `=?iso-8859-1?Q?Gu=EDa?=`; blanks between two of them go.
fn encoded_words(text: &str) -> Result<String, BadName> {
    let (mut rest, mut shown, mut is_after_word) = (text, String::new(), false);
    while let Some(at) = rest.find("=?") {
        let before = &rest[..at];
        if !(is_after_word && before.trim().is_empty()) {
            shown.push_str(before);
        }
        let mut parts = rest[at + 2..].splitn(3, '?');
        let (Some(charset), Some(form), Some(behind)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(BadName::Unreadable);
        };
        let (word, behind) = behind.split_once("?=").ok_or(BadName::Unreadable)?;
        let bytes = match form {
            "B" | "b" => BASE64_STANDARD
                .decode(word)
                .map_err(|_| BadName::Unreadable)?,
            "Q" | "q" => {
                let percents = word.replace('_', " ").replace('%', "=25").replace('=', "%");
                without_percents(percents.as_bytes(), |_| true)
            }
            _ => return Err(BadName::Unreadable),
        };
        shown.push_str(&decoded(charset.as_bytes(), &bytes)?);
        (rest, is_after_word) = (behind, true);
    }
    shown.push_str(rest);
    Ok(shown)
}

fn decoded(charset: &[u8], bytes: &[u8]) -> Result<String, BadName> {
    let charset = String::from_utf8_lossy(charset).to_ascii_lowercase();
    match charset.split('*').next().unwrap_or_default() {
        "utf-8" | "utf8" | "us-ascii" | "" => {
            String::from_utf8(bytes.to_vec()).map_err(|_| BadName::Unreadable)
        }
        "iso-8859-1" | "latin1" | "windows-1252" => Ok(latin1(bytes)),
        _ => Err(BadName::Unreadable),
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_form_that_clients_send() {
        for (header, expected) in [
            (
                &b"form-data; name=\"file\"; filename=\"a b.md\""[..],
                Ok("a b.md"),
            ),
            (b"form-data; name=\"file\"; filename=a.md", Ok("a.md")),
            (
                b"form-data; name=\"file\"; filename*=UTF-8''Gu%C3%ADa%20r%C3%A1pida.md",
                Ok("Guía rápida.md"),
            ),
            (
                b"form-data; filename=\"x.md\"; filename*=iso-8859-1'es'Gu%EDa.md",
                Ok("Guía.md"),
            ),
            (
                b"form-data; filename=\"=?utf-8?B?R3XDrWEgcsOhcGlkYS5tZA==?=\"",
                Ok("Guía rápida.md"),
            ),
            (
                b"form-data; filename=\"=?utf-8?Q?Gu=C3=ADa_r?= =?UTF-8?q?=C3=A1pida?=.md\"",
                Ok("Guía rápida.md"),
            ),
            (b"form-data; filename=\"Gu\xeda.md\"", Ok("Guía.md")),
            (
                b"form-data; filename=\"say %22hi%22 100%.md\"",
                Ok("say \"hi\" 100%.md"),
            ),
            (
                b"form-data; filename=\"say \\\"hi\\\";x.md\"",
                Ok("say \"hi\";x.md"),
            ),
            (
                b"form-data; filename=\"C:\\notes\\a.md\"",
                Ok("C:\\notes\\a.md"),
            ),
        ] {
            let shown = String::from_utf8_lossy(header);
            assert_eq!(
                of_disposition(header).as_deref(),
                expected.as_ref().copied(),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_name_that_cannot_be_read_is_an_error() {
        for (header, expected) in [
            (&b"form-data; name=\"file\""[..], Err(BadName::Missing)),
            (
                b"form-data; name=\"file\"; filename=\"\"",
                Err(BadName::Missing),
            ),
            (b"", Err(BadName::Missing)),
            (
                b"form-data; filename*=koi8-r''x.md",
                Err(BadName::Unreadable),
            ),
            (
                b"form-data; filename*=UTF-8''%FF.md",
                Err(BadName::Unreadable),
            ),
            (
                b"form-data; filename=\"=?utf-8?B?!!?=\"",
                Err(BadName::Unreadable),
            ),
            (
                b"form-data; filename=\"=?utf-8?B?R3XD\"",
                Err(BadName::Unreadable),
            ),
        ] {
            let shown = String::from_utf8_lossy(header);
            assert_eq!(of_disposition(header), expected, "{shown}");
        }
    }
}
