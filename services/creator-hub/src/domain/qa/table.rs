//! Pairs as a table: what a CSV says, what it changes, and how pairs are written as one.

use std::collections::{HashMap, HashSet};

use shared_extract::CsvRow;
use shared_models::{CollectionId, QaPairId, Visibility};

use super::{
    AnswerText, MAX_COLLECTIONS, PairContent, QuestionKey, QuestionText, Questions, StoredPair,
};

/// The names of the columns, as they are written.
pub(crate) const COLUMNS: [&str; 5] = [
    "question",
    "answer",
    "other_questions",
    "visibility",
    "collections",
];
/// Errors of one table that are reported; the others would only repeat them.
const MAX_ERRORS: usize = 20;

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RowError {
    /// As spreadsheets count, from 1.
    pub(crate) row: u32,
    pub(crate) message: String,
}

/// What a table changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TableChanges {
    pub(crate) created: Vec<(QaPairId, PairContent)>,
    pub(crate) updated: Vec<(QaPairId, PairContent)>,
    /// Pairs of the table that are there as they are.
    pub(crate) unchanged: usize,
}

/// A row as it is written: an absent column says nothing.
#[derive(Debug)]
struct PairRow {
    number: u32,
    question: QuestionText,
    others: Option<Vec<QuestionText>>,
    answer: AnswerText,
    visibility: Option<Visibility>,
    collections: Option<Vec<CollectionId>>,
}

/// Where the columns are.
struct Columns([Option<usize>; COLUMNS.len()]);

impl Columns {
    fn of_header(header: &CsvRow) -> Result<Self, RowError> {
        let fail = |message: String| {
            Err(RowError {
                row: header.number,
                message,
            })
        };
        let mut places = [None; COLUMNS.len()];
        for (place, cell) in header.cells.iter().enumerate() {
            let name = cell.trim().to_lowercase().replace([' ', '-'], "_");
            if name.is_empty() {
                continue;
            }
            let Some(column) = COLUMNS.iter().position(|known| *known == name) else {
                let known = COLUMNS.join(", ");
                return fail(format!(
                    "the first row names the columns, which may be {known}; “{}” is none",
                    cell.trim()
                ));
            };
            if places[column].replace(place).is_some() {
                return fail(format!("the column {name} is there twice"));
            }
        }
        for column in 0..2 {
            if places[column].is_none() {
                return fail(format!("there is no column {}", COLUMNS[column]));
            }
        }
        Ok(Self(places))
    }

    /// The text of a cell; none if there is no such column.
    fn cell<'a>(&self, column: usize, row: &'a CsvRow) -> Option<&'a str> {
        let place = self.0[column]?;
        let cell = row.cells.get(place).map_or("", |cell| cell.trim());
        Some(without_mark(cell))
    }
}

/// Decides what a table changes. A row whose question a pair has already updates that pair.
pub(crate) fn plan(
    rows: &[CsvRow],
    existing: Vec<StoredPair>,
    collections: &HashMap<String, CollectionId>,
) -> Result<TableChanges, Vec<RowError>> {
    let [header, rows @ ..] = rows else {
        let message = "the file has no row".to_owned();
        return Err(vec![RowError { row: 1, message }]);
    };
    let columns = Columns::of_header(header).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    let mut library = Library::new(existing);
    for row in rows {
        let read = read_row(&columns, row, collections);
        let taken = read.and_then(|pair| library.take(pair));
        errors.extend(taken.err().map(|message| RowError {
            row: row.number,
            message,
        }));
    }
    errors.extend(library.conflicts());
    errors.sort_by_key(|error| error.row);
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() {
        Ok(library.into_changes())
    } else {
        Err(errors)
    }
}

fn read_row(
    columns: &Columns,
    row: &CsvRow,
    known: &HashMap<String, CollectionId>,
) -> Result<PairRow, String> {
    let question = columns.cell(0, row).unwrap_or_default();
    let question = QuestionText::parse(question).map_err(|e| format!("question {e}"))?;
    let answer = columns.cell(1, row).unwrap_or_default();
    let answer = AnswerText::parse(answer).map_err(|e| format!("answer {e}"))?;
    let others = columns.cell(2, row).map(|cell| {
        let others = lines(cell).map(QuestionText::parse);
        let others: Result<Vec<QuestionText>, _> = others.collect();
        others.map_err(|e| format!("each of other_questions {e}"))
    });
    let visibility = columns.cell(3, row).filter(|cell| !cell.is_empty());
    let visibility = visibility.map(|cell| {
        Visibility::from_name(&cell.to_lowercase())
            .ok_or_else(|| "visibility must be internal, answer_only or public".to_owned())
    });
    let collections = columns.cell(4, row).map(|cell| {
        let found = lines(cell).map(|name| {
            let id = known.get(&name.to_lowercase()).copied();
            id.ok_or_else(|| format!("there is no collection “{name}”"))
        });
        let found: Vec<CollectionId> = found.collect::<Result<_, String>>()?;
        if found.len() > MAX_COLLECTIONS {
            return Err(format!("a pair may be in {MAX_COLLECTIONS} collections"));
        }
        Ok(found)
    });
    Ok(PairRow {
        number: row.number,
        question,
        others: others.transpose()?,
        answer,
        visibility: visibility.transpose()?,
        collections: collections.transpose()?,
    })
}

/// The lines of a cell with text.
fn lines(cell: &str) -> impl Iterator<Item = &str> {
    cell.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// The pairs as they will be.
struct Library {
    pairs: HashMap<QaPairId, PairContent>,
    /// In the order of the table, with the row that says so.
    written: Vec<(QaPairId, u32)>,
    before: HashMap<QaPairId, PairContent>,
    by_key: HashMap<QuestionKey, QaPairId>,
}

impl Library {
    fn new(existing: Vec<StoredPair>) -> Self {
        let mut pairs = HashMap::new();
        let mut by_key = HashMap::new();
        for pair in existing {
            by_key.extend(pair.content.questions.keys().map(|key| (key, pair.id)));
            pairs.insert(pair.id, pair.content);
        }
        Self {
            before: pairs.clone(),
            pairs,
            written: Vec::new(),
            by_key,
        }
    }

    /// Takes a row.
    fn take(&mut self, row: PairRow) -> Result<(), String> {
        let named = std::iter::once(row.question.clone());
        let all = named.chain(row.others.clone().unwrap_or_default());
        let given = Questions::of(all).map_err(|e| format!("question: {e}"))?;
        let id = self.pair_of(&given)?;
        if let Some((_, other)) = self.written.iter().find(|(written, _)| *written == id) {
            return Err(format!("it is about the same pair as row {other}"));
        }
        let old = self.before.get(&id);
        let questions = match old {
            // Without a column for them, the other questions of the pair stay.
            Some(old) if row.others.is_none() => old.questions.clone(),
            _ => given,
        };
        let content = PairContent {
            questions,
            answer: row.answer.into(),
            visibility: row
                .visibility
                .or_else(|| old.map(|old| old.visibility))
                .unwrap_or_default(),
            collections: row
                .collections
                .or_else(|| old.map(|old| old.collections.clone()))
                .unwrap_or_default(),
        };
        self.pairs.insert(id, content);
        self.written.push((id, row.number));
        Ok(())
    }

    /// The pair that has one of these questions, or a new one.
    fn pair_of(&self, questions: &Questions) -> Result<QaPairId, String> {
        let found: HashSet<QaPairId> = questions
            .keys()
            .filter_map(|key| self.by_key.get(&key).copied())
            .collect();
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => Ok(QaPairId::new()),
            (Some(id), None) => Ok(id),
            (Some(_), Some(_)) => Err("its questions belong to different pairs".to_owned()),
        }
    }

    /// Rows whose questions other pairs have in the end.
    fn conflicts(&self) -> Vec<RowError> {
        let mut owners: HashMap<QuestionKey, QaPairId> = HashMap::new();
        let rows: HashMap<QaPairId, u32> = self.written.iter().copied().collect();
        let untouched = self.pairs.keys().filter(|id| !rows.contains_key(id));
        let written = self.written.iter().map(|(id, _)| id);
        let mut errors = Vec::new();
        for id in untouched.chain(written) {
            for question in self.pairs[id].questions.iter() {
                let other = owners.insert(question.key, *id).filter(|other| other != id);
                if let (Some(other), Some(row)) = (other, rows.get(id)) {
                    let place = rows
                        .get(&other)
                        .map_or_else(|| format!("pair {other}"), |other| format!("row {other}"));
                    let message = format!("“{}” is a question of {place} too", question.text);
                    errors.push(RowError { row: *row, message });
                }
            }
        }
        errors
    }

    fn into_changes(mut self) -> TableChanges {
        let mut changes = TableChanges::default();
        for (id, _) in &self.written {
            let Some(content) = self.pairs.remove(id) else {
                continue;
            };
            match self.before.get(id) {
                None => changes.created.push((*id, content)),
                Some(old) if *old == content => changes.unchanged += 1,
                Some(_) => changes.updated.push((*id, content)),
            }
        }
        changes
    }
}

/// The rows of a table that [`plan`] reads back, the header first.
pub(crate) fn rows(
    pairs: Vec<StoredPair>,
    names: &HashMap<CollectionId, String>,
) -> Vec<[String; COLUMNS.len()]> {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for pair in pairs {
        let content = pair.content;
        let (question, others) = content.questions.split();
        let collections = content.collections.iter().filter_map(|id| names.get(id));
        let collections: Vec<&str> = collections.map(String::as_str).collect();
        rows.push([
            question,
            content.answer,
            others.join("\n"),
            content.visibility.as_str().to_owned(),
            collections.join("\n"),
        ]);
    }
    for cell in rows.iter_mut().flatten() {
        if is_formula(cell) {
            cell.insert(0, TEXT_MARK);
        }
    }
    rows
}

/// Marks the text of a cell as text for spreadsheets.
const TEXT_MARK: char = '\'';

/// Whether a spreadsheet would run the cell as a formula
/// (<https://owasp.org/www-community/attacks/CSV_Injection>), or is kept from it by marks.
fn is_formula(cell: &str) -> bool {
    let cell = cell.trim_start_matches(TEXT_MARK);
    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
}

/// The text of a cell without the mark that keeps a spreadsheet from running it.
fn without_mark(cell: &str) -> &str {
    match cell.strip_prefix(TEXT_MARK) {
        Some(text) if is_formula(text) => text,
        _ => cell,
    }
}

#[cfg(test)]
mod tests;
