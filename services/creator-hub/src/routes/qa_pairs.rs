//! Question-and-answer pairs: an answer is given word for word to anyone who asks its question.

pub(crate) mod table;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_models::{CollectionId, Page, PageRequest, QaPairId, Visibility, entity_tag};
use shared_web::{
    Body, Created, Id, IdempotencyHeader, Keyed, Once, Paging, Permit, Problem, Query, permit,
};
use utoipa::ToSchema;

use super::documents::present;
use crate::app::qa_pairs;
use crate::domain::qa::{
    AnswerText, MAX_COLLECTIONS, PairChange, PairContent, PairSelection, QuestionText, Questions,
    StoredPair,
};
use crate::error::Error;
use crate::state::AppState;

/// A question with its answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct QaPair {
    id: QaPairId,
    /// What sources of answers show as their title.
    question: String,
    /// The same in other words.
    other_questions: Vec<String>,
    /// Given word for word.
    answer: String,
    /// Who gets the answer: `internal` for members of the account alone. Nothing more can be
    /// opened of a pair, so `answer_only` and `public` are the same.
    visibility: Visibility,
    /// The collections that it belongs to.
    collections: Vec<CollectionId>,
    /// Increases with each change; the `ETag` is made of it.
    revision: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<StoredPair> for QaPair {
    fn from(pair: StoredPair) -> Self {
        let StoredPair {
            id,
            content,
            revision,
            created_at,
            updated_at,
        } = pair;
        let PairContent {
            questions,
            answer,
            visibility,
            collections,
        } = content;
        let (question, other_questions) = questions.split();
        Self {
            id,
            question,
            other_questions,
            answer,
            visibility,
            collections,
            revision,
            created_at,
            updated_at,
        }
    }
}

impl QaPair {
    /// The pair with its entity tag.
    fn response(pair: StoredPair) -> Response {
        let tag = entity_tag::of_version(pair.revision);
        let mut response = Json(Self::from(pair)).into_response();
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// A pair to add.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewQaPair {
    /// No other pair may have it, in whatever case and punctuation.
    #[schema(value_type = String, min_length = 1, max_length = 300)]
    question: QuestionText,
    /// The same in other words.
    #[serde(default)]
    #[schema(value_type = Vec<QuestionText>, max_items = 9)]
    other_questions: Vec<QuestionText>,
    /// Given word for word.
    #[schema(value_type = String, min_length = 1, max_length = 4000)]
    answer: AnswerText,
    /// Who gets the answer; `answer_only` when absent.
    #[serde(default)]
    visibility: Option<Visibility>,
    /// The collections that it belongs to.
    #[serde(default)]
    #[schema(max_items = 20)]
    collections: Vec<CollectionId>,
}

/// The fields to change; an absent field stays unchanged.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QaPairChange {
    #[schema(value_type = String, min_length = 1, max_length = 300)]
    #[serde(default, deserialize_with = "present")]
    question: Option<QuestionText>,
    /// All of them.
    #[schema(value_type = Vec<QuestionText>, max_items = 9)]
    #[serde(default, deserialize_with = "present")]
    other_questions: Option<Vec<QuestionText>>,
    #[schema(value_type = String, min_length = 1, max_length = 4000)]
    #[serde(default, deserialize_with = "present")]
    answer: Option<AnswerText>,
    /// It holds for the next question.
    #[schema(value_type = Visibility)]
    #[serde(default, deserialize_with = "present")]
    visibility: Option<Visibility>,
    /// All of them.
    #[schema(value_type = Vec<CollectionId>, max_items = 20)]
    #[serde(default, deserialize_with = "present")]
    collections: Option<Vec<CollectionId>>,
}

/// Filters of the list.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct QaPairFilter {
    /// Rows per page, 1 to 100; 20 when absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only pairs with this text in a question or the answer, in whatever case.
    text: Option<String>,
    /// Only pairs of this collection.
    collection: Option<CollectionId>,
}

/// List the question-and-answer pairs, newest first.
#[utoipa::path(
    get, path = "/qa-pairs", tag = "qa-pairs", security(("bearer" = [])),
    params(QaPairFilter),
    responses(
        (status = 200, body = Page<QaPair>), (status = 401, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn list_qa_pairs(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    paging: Paging,
    Query(filter): Query<QaPairFilter>,
) -> Result<Json<Page<QaPair>>, Error> {
    let QaPairFilter {
        limit,
        cursor,
        text,
        collection,
    } = filter;
    let window = paging.window(&PageRequest { limit, cursor })?;
    let selection = PairSelection {
        text: text.as_deref().filter(|text| !text.is_empty()),
        collection,
        after: window.after,
        limit: window.limit + 1,
    };
    let rows = qa_pairs::list(&app, caller.tenant, &selection).await?;
    let items = rows.into_iter().map(QaPair::from).collect();
    Ok(Json(
        paging.page(items, window, |pair: &QaPair| pair.id.as_uuid()),
    ))
}

/// Add a question-and-answer pair. It answers the next question, and questions in other words
/// within seconds.
#[utoipa::path(
    post, path = "/qa-pairs", tag = "qa-pairs", security(("bearer" = [])),
    params(IdempotencyHeader), request_body = NewQaPair,
    responses(
        (status = 201, body = QaPair, headers(("Location" = String, description = "The pair"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, description = "duplicate_question, too_many_qa_pairs or \
            request_in_progress", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn create_qa_pair(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Keyed(request, body): Keyed<NewQaPair>,
) -> Result<Once<QaPair>, Error> {
    let NewQaPair {
        question,
        other_questions,
        answer,
        visibility,
        collections,
    } = body;
    let questions = Questions::of(std::iter::once(question).chain(other_questions));
    let content = PairContent {
        questions: questions.map_err(|error| Error::Field("question", error.to_string()))?,
        answer: answer.into(),
        visibility: visibility.unwrap_or_default(),
        collections: distinct(collections)?,
    };
    qa_pairs::create(&app, caller.tenant, content, &request, |pair| Created {
        status: StatusCode::CREATED,
        location: format!("{}/v1/qa-pairs/{}", Service::CreatorHub.prefix(), pair.id),
        body: pair.into(),
    })
    .await
}

/// Read one question-and-answer pair.
#[utoipa::path(
    get, path = "/qa-pairs/{id}", tag = "qa-pairs", security(("bearer" = [])),
    params(("id" = QaPairId, Path)),
    responses(
        (status = 200, body = QaPair, headers(("ETag" = String, description = "Its revision"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 404, description = "unknown_qa_pair", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_qa_pair(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<QaPairId>,
) -> Result<Response, Error> {
    let pair = qa_pairs::read(&app, caller.tenant, id).await?;
    Ok(QaPair::response(pair))
}

/// Change a question-and-answer pair. It holds for the next question.
#[utoipa::path(
    patch, path = "/qa-pairs/{id}", tag = "qa-pairs", security(("bearer" = [])),
    params(("id" = QaPairId, Path),
        ("If-Match" = Option<String>, Header, description = "The `ETag` that was read: nothing is \
            changed if somebody else has changed the pair since")),
    request_body = QaPairChange,
    responses(
        (status = 200, body = QaPair, headers(("ETag" = String, description = "Its revision"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_qa_pair", body = Problem),
        (status = 409, description = "duplicate_question", body = Problem),
        (status = 412, description = "precondition_failed", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn update_qa_pair(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<QaPairId>,
    headers: HeaderMap,
    Body(change): Body<QaPairChange>,
) -> Result<Response, Error> {
    let QaPairChange {
        question,
        other_questions,
        answer,
        visibility,
        collections,
    } = change;
    let change = PairChange {
        question,
        other_questions,
        answer,
        visibility,
        collections: collections.map(distinct).transpose()?,
    };
    let if_match = headers.get(header::IF_MATCH);
    let if_match = if_match.map(|tags| tags.to_str().unwrap_or_default());
    let pair = qa_pairs::change(&app, caller.tenant, id, change, if_match).await?;
    Ok(QaPair::response(pair))
}

/// Delete a question-and-answer pair. It answers nothing any more.
#[utoipa::path(
    delete, path = "/qa-pairs/{id}", tag = "qa-pairs", security(("bearer" = [])),
    params(("id" = QaPairId, Path)),
    responses(
        (status = 204), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 404, description = "unknown_qa_pair", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn delete_qa_pair(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<QaPairId>,
) -> Result<StatusCode, Error> {
    qa_pairs::delete(&app, caller.tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The collections without repetitions.
fn distinct(mut collections: Vec<CollectionId>) -> Result<Vec<CollectionId>, Error> {
    collections.sort_unstable();
    collections.dedup();
    if collections.len() > MAX_COLLECTIONS {
        let message = format!("must name at most {MAX_COLLECTIONS} collections");
        return Err(Error::Field("collections", message));
    }
    Ok(collections)
}
