//! Tests of parsing headings and paragraphs.

use super::*;

/// The paragraphs of a text by section, each with its heading.
fn sections(kind: TextKind, text: &str) -> Vec<(Option<String>, Vec<String>)> {
    let mut outline = Outline::new(kind);
    text.lines().for_each(|line| outline.push(line));
    outline.finish();
    let (mut found, mut last) = (Vec::<(Option<String>, Vec<String>)>::new(), None);
    for paragraph in outline.take() {
        if last != Some(paragraph.section) {
            last = Some(paragraph.section);
            found.push((paragraph.heading, Vec::new()));
        }
        found.last_mut().unwrap().1.push(paragraph.text);
    }
    found
}

fn markdown(text: &str) -> Vec<(Option<String>, Vec<String>)> {
    sections(TextKind::Markdown, text)
}

#[test]
fn paragraphs_belong_to_the_heading_above_them() {
    let text = "intro\n\n# A\n\none\ntwo\n\n## B ##\nthree\n\n# C\n\nfour";
    let found = markdown(text);
    let expected = [
        (None, vec!["intro"]),
        (Some("A"), vec!["one\ntwo"]),
        (Some("A > B"), vec!["three"]),
        (Some("C"), vec!["four"]),
    ];
    assert_eq!(found.len(), expected.len());
    for ((heading, paragraphs), (wanted, below)) in found.iter().zip(expected) {
        assert_eq!(heading.as_deref(), wanted);
        assert_eq!(paragraphs, &below);
    }
}

#[test]
fn an_underlined_line_is_a_heading_and_a_horizontal_rule_is_not() {
    let found = markdown("Title\n=====\n\nbody\n\n---\n\nPart\n---\nmore");
    assert_eq!(found[0].0.as_deref(), Some("Title"));
    assert_eq!(found[0].1, ["body", "---"]);
    assert_eq!(found[1].0.as_deref(), Some("Title > Part"));
}

#[test]
fn a_fenced_block_keeps_blank_lines_and_hash_signs() {
    let found = markdown("# A\n\n```sh\n# not a heading\n\nls\n```\n\nend");
    assert_eq!(
        found,
        [(
            Some("A".to_owned()),
            vec![
                "```sh\n# not a heading\n\nls\n```".to_owned(),
                "end".to_owned()
            ]
        )]
    );
}

#[test]
fn plain_text_has_no_headings() {
    let found = sections(TextKind::Plain, "# one\n\ntwo");
    assert_eq!(found[0].0, None);
    assert_eq!(found[0].1, ["# one", "two"]);
}

#[test]
fn control_characters_are_removed() {
    let found = markdown("\u{feff}a\u{0}b\r\nc\u{7}\td");
    assert_eq!(found[0].1, ["ab\nc\td"]);
    assert!(markdown("\u{0}\n\n \n").is_empty());
    assert!(markdown("# only a heading").is_empty());
}

#[test]
fn a_paragraph_without_end_is_cut() {
    let text = "a line of a paragraph that never ends\n".repeat(20_000);
    let found = sections(TextKind::Plain, &text);
    assert!(found[0].1.len() > 1);
    assert!(found[0].1.iter().all(|text| text.len() <= MAX_PARAGRAPH));
    let joined = format!("{}\n", found[0].1.join("\n"));
    assert_eq!(joined, text);
}
