//! One file of each kind, from the gateway to the answer that cites it.

use serde::Deserialize;
use serde_json::Value;

use crate::platform::Api;

/// What is asked about one of the files in `tests/formats`.
#[derive(Debug, Deserialize)]
struct FormatQuestion {
    file: String,
    question: String,
    /// Words that the answer has.
    answer: String,
    /// Where in the file the passage begins.
    position: Value,
}

/// Uploads all files to an account that has no others, and asks one question about each.
pub(crate) async fn every_kind_of_file_answers_with_its_position(api: &Api) {
    let folder = platform_tests::root().join("tests/formats");
    let questions = std::fs::read(folder.join("questions.json")).unwrap();
    let questions: Vec<FormatQuestion> = serde_json::from_slice(&questions).unwrap();
    let mut ids = Vec::new();
    for question in &questions {
        let content = std::fs::read(folder.join("files").join(&question.file)).unwrap();
        ids.push(api.send_file(&question.file, &question.file, content).await);
    }
    for id in &ids {
        let document = api.processed(id).await;
        assert_eq!(document["warnings"], Value::Array(Vec::new()), "{document}");
    }
    for question in &questions {
        let events = api.ask(&question.question, "extractive").await;
        let source = &events[0].1[0];
        assert_eq!(source["title"], question.file.as_str(), "{events:?}");
        assert_eq!(source["position"], question.position, "{events:?}");
        let text = super::test_first_day::text_of(&events);
        assert!(text.contains(&question.answer), "{}: {text}", question.file);
    }
    println!(
        "measured: {} kinds of file answered with their positions",
        questions.len()
    );
}
