//! What a table changes, and what is refused with the number of its row.

use jiff::Timestamp;

use super::*;

fn table(text: &str) -> Vec<CsvRow> {
    shared_extract::read_csv(text.as_bytes()).unwrap()
}

fn stored(questions: &[&str], answer: &str) -> StoredPair {
    let questions = questions.iter().map(|q| QuestionText::parse(q).unwrap());
    StoredPair {
        id: QaPairId::new(),
        content: PairContent {
            questions: Questions::of(questions).unwrap(),
            answer: answer.to_owned(),
            visibility: Visibility::Internal,
            collections: Vec::new(),
        },
        revision: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn planned(text: &str, existing: Vec<StoredPair>) -> Result<TableChanges, Vec<(u32, String)>> {
    let planned = plan(&table(text), existing, &HashMap::new());
    planned.map_err(|errors| errors.into_iter().map(|e| (e.row, e.message)).collect())
}

#[test]
fn a_row_is_a_new_pair_or_updates_the_one_with_its_question() {
    let known = stored(&["How much is it?", "What does it cost?"], "18 euros.");
    let id = known.id;
    let text = "Question;Answer\nWHAT DOES IT COST;20 euros.\nWhere?;Here; Answer\n";
    let text = text.replace("Here; Answer", "\"Here; there\"");
    let changes = planned(&text, vec![known.clone()]).unwrap();
    assert_eq!(changes.created.len(), 1);
    assert_eq!(changes.created[0].1.answer, "Here; there");
    assert_eq!(changes.created[0].1.visibility, Visibility::AnswerOnly);
    let [(updated, content)] = changes.updated.as_slice() else {
        panic!("{changes:?}");
    };
    assert_eq!((*updated, content.answer.as_str()), (id, "20 euros."));
    assert_eq!(content.questions, known.content.questions);
    assert_eq!(content.visibility, Visibility::Internal);
    let again = planned("question,answer\nHow much is it,18 euros.\n", vec![known]);
    assert_eq!(again.unwrap().unchanged, 1);
}

#[test]
fn what_is_written_reads_back_the_same() {
    let collection = CollectionId::new();
    let mut first = stored(&["One, \"two\"?", "Eins?"], "Line\nby; line");
    first.content.collections = vec![collection];
    let pairs = vec![first, stored(&["Three?"], "3")];
    let names = HashMap::from([(collection, "Free".to_owned())]);
    let written = rows(pairs.clone(), &names);
    let numbered = written.into_iter().zip(1..).map(|(cells, number)| CsvRow {
        number,
        cells: cells.to_vec(),
    });
    let numbered: Vec<CsvRow> = numbered.collect();
    let known = HashMap::from([("free".to_owned(), collection)]);
    let changes = plan(&numbered, pairs, &known).unwrap();
    assert_eq!(changes.unchanged, 2);
    let fresh = plan(&numbered, Vec::new(), &known).unwrap();
    assert_eq!(fresh.created.len(), 2);
    assert_eq!(fresh.created[0].1.collections, [collection]);
    assert_eq!(fresh.created[0].1.questions.iter().count(), 2);
}

#[test]
fn a_bad_row_is_named() {
    let long = "x".repeat(301);
    for (text, row, message) in [
        ("", 1, "no row"),
        ("What?,So\n", 1, "“What?” is none"),
        ("question,note\nWhat?,So\n", 1, "“note” is none"),
        ("question,question\n", 1, "twice"),
        ("question\nWhat?\n", 1, "no column answer"),
        ("question,answer\nWhat?,So\n,So\n", 3, "question must have"),
        ("question,answer\nWhat?\n", 2, "answer must have"),
        ("question,answer\n???,So\n", 2, "must have a word"),
        (&format!("question,answer\n{long},So\n"), 2, "1 to 300"),
        ("question,answer\nWhat?,a\nwhat,b\n", 3, ""),
        (
            "question,answer,visibility\nWhat?,a,secret\n",
            2,
            "visibility must be",
        ),
        (
            "question,answer,collections\nWhat?,a,Free\n",
            2,
            "no collection “Free”",
        ),
    ] {
        let errors = planned(text, Vec::new()).unwrap_err();
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert_eq!(errors[0].0, row, "{text}: {errors:?}");
        assert!(errors[0].1.contains(message), "{text}: {errors:?}");
    }
}

#[test]
fn a_question_cannot_come_to_two_pairs() {
    let (one, two) = (stored(&["One?"], "1"), stored(&["Two?"], "2"));
    let text = "question,answer,other_questions\nOne?,1,Two?\n";
    let errors = planned(text, vec![one.clone(), two.clone()]).unwrap_err();
    assert!(errors[0].1.contains("different pairs"), "{errors:?}");
    // A question may move from one row to another within one file.
    let (one, two) = (stored(&["One?", "Uno?"], "1"), two);
    let text = "question,answer,other_questions\nOne?,1,\nTwo?,2,Zwei?\nThree?,3,\n";
    let changes = planned(text, vec![one.clone(), two]).unwrap();
    assert_eq!((changes.created.len(), changes.updated.len()), (1, 2));
    let text = "question,answer,other_questions\nOne?,1,\nUno?,2,\n";
    let errors = planned(text, vec![one]).unwrap_err();
    assert!(errors[0].1.contains("row 2"), "{errors:?}");
}

#[test]
fn a_text_that_a_spreadsheet_would_run_is_marked_and_reads_back() {
    let texts = [
        "=1+1", "+49 30", "-5 euros", "@team", "'=1+1", "''-", "'tis", "＝1",
    ];
    for text in texts {
        let pair = stored(&["Which?"], text);
        let written = rows(vec![pair.clone()], &HashMap::new());
        let cell = &written[1][1];
        assert!(!cell.starts_with(['=', '+', '-', '@', '＝']), "{cell}");
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in written {
            writer.write_record(row).unwrap();
        }
        let table = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let changes = planned(&table, vec![pair]).unwrap();
        assert_eq!(
            (changes.unchanged, changes.updated),
            (1, Vec::new()),
            "{text}"
        );
    }
}
