//! Finds the question-and-answer pair that answers a question word for word.

use std::collections::HashMap;

use shared_models::words::question_key;
use shared_models::{CreatorId, QaPairId};
use uuid::Uuid;

use crate::app::index::search::{RetrievedPassage, pair_passage, query_vector};
use crate::app::index::vector_space::VectorSpace;
use crate::domain::answer::qa_match::{self, ComparedQuestion, Likeness, PossiblePair};
use crate::domain::index::packed_vector;
use crate::domain::index::scope::Scope;
use crate::error::Error;
use crate::state::AppState;
use crate::store::qa_pairs::{self, QuestionRow};
use crate::store::qa_vectors;

/// A question of a pair that may be meant.
type PossibleQuestion = (QuestionRow, Likeness);

/// The pair with this very question.
pub(super) async fn with_question(
    app: &AppState,
    tenant: CreatorId,
    scope: &Scope,
    question: &str,
) -> Result<Option<RetrievedPassage>, Error> {
    let Some(key) = question_key(question) else {
        return Ok(None);
    };
    let mut tx = app.db.tenant_read(tenant).await?;
    let pair = qa_pairs::with_key(&mut tx, scope, &key).await?;
    Ok(pair.map(|pair| count("exact", pair_passage(pair))))
}

/// The pair that asks the same in other words: by words alone, or by words and meaning.
pub(super) async fn with_meaning(
    app: &AppState,
    tenant: CreatorId,
    scope: &Scope,
    question: &str,
) -> Result<Option<RetrievedPassage>, Error> {
    let mut tx = app.db.tenant_read(tenant).await?;
    let questions = qa_pairs::questions(&mut tx, scope).await?;
    drop(tx);
    if questions.is_empty() {
        return Ok(None);
    }
    let asked = question.to_owned();
    let comparing = tokio::task::spawn_blocking(move || possible(&asked, questions));
    // It fails only if the process stops.
    let possible = comparing.await.unwrap_or_default();
    if possible.is_empty() {
        return Ok(None);
    }
    let nearness = nearness(app, (tenant, scope), question, &possible).await?;
    let mut pairs: Vec<PossiblePair<QaPairId>> = Vec::new();
    for (row, likeness) in possible {
        pairs.push(PossiblePair {
            pair: row.pair,
            likeness,
            nearness: nearness.get(&(row.pair, row.place)).copied(),
        });
    }
    let Some(meant) = qa_match::choose(&pairs) else {
        return Ok(None);
    };
    let mut tx = app.db.tenant_read(tenant).await?;
    let pairs = qa_pairs::read_all(&mut tx, scope, &[meant.as_uuid()]).await?;
    let pair = pairs.into_iter().next();
    Ok(pair.map(|pair| count("meaning", pair_passage(pair))))
}

fn possible(asked: &str, questions: Vec<QuestionRow>) -> Vec<PossibleQuestion> {
    let asked = ComparedQuestion::new(asked);
    let compared = questions.into_iter().map(|row| {
        let likeness = asked.likeness(&row.question);
        (row, likeness)
    });
    compared
        .filter(|(_, likeness)| likeness.is_possible())
        .collect()
}

/// How near the questions are, where that can be known. Pairs with the same words answer without.
async fn nearness(
    app: &AppState,
    (tenant, scope): (CreatorId, &Scope),
    question: &str,
    possible: &[PossibleQuestion],
) -> Result<HashMap<(QaPairId, i16), f32>, Error> {
    let is_known = |(_, likeness): &PossibleQuestion| *likeness == Likeness::Same;
    if possible.len() == 1 && possible.iter().all(is_known) {
        return Ok(HashMap::new());
    }
    let space = VectorSpace::of(app, tenant).await?;
    let vector = match query_vector(app, &space, (tenant, scope), question).await {
        Ok(vector) => vector,
        Err(error) => {
            tracing::warn!(%error, "pairs are compared by words only");
            return Ok(HashMap::new());
        }
    };
    let Some(calibration) = space.calibration().await else {
        return Ok(HashMap::new());
    };
    let model = &space.embedder.model().recorded_name;
    let ids: Vec<Uuid> = possible.iter().map(|(row, _)| row.pair.as_uuid()).collect();
    let mut tx = app.db.tenant_read(tenant).await?;
    let rows = qa_vectors::made(&mut tx, model, Some(&ids)).await?;
    let near = rows.into_iter().filter_map(|row| {
        let similarity = packed_vector::similarity(&vector, &row.vector)?;
        Some(((row.pair, row.place), calibration.nearness(similarity)))
    });
    Ok(near.collect())
}

fn count(by: &'static str, found: RetrievedPassage) -> RetrievedPassage {
    metrics::counter!("ai_engine_answers_by_pairs_total", "by" => by).increment(1);
    found
}
