//! Tests of parsing headings and paragraphs.

use super::*;

fn markdown(text: &str) -> Vec<(Option<String>, Vec<String>)> {
    sections(TextKind::Markdown, &normalise(text))
        .into_iter()
        .map(|section| (section.heading, section.paragraphs))
        .collect()
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
    assert_eq!(found[0].heading, None);
    assert_eq!(found[0].paragraphs, ["# one", "two"]);
}

#[test]
fn control_characters_are_removed() {
    assert_eq!(
        normalise("\u{feff}a\u{0}b\r\nc\u{7}\td"),
        "ab\nc\td".to_owned()
    );
    assert!(markdown("\u{0}\n\n \n").is_empty());
    assert!(markdown("# only a heading").is_empty());
}
