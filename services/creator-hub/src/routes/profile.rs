//! The creator's profile.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::text::{MultiLine, SingleLine};
use shared_models::{CreatorId, entity_tag};
use shared_web::{Body, Permit, Problem, permit};
use utoipa::ToSchema;

use crate::app::profile;
use crate::domain::bounded_list::BoundedList;
use crate::domain::profile::{LanguageTag, WebUrl, Years, ZoneName};
use crate::domain::saved_profile::{ProfileFields, SavedProfile};
use crate::error::Error;
use crate::state::AppState;

/// A profile. It is replaced as a whole: an absent or null field is empty afterwards.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProfile {
    /// The name that end users see.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    display_name: Option<SingleLine<100>>,
    /// A few sentences.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    bio: Option<MultiLine<500>>,
    /// A picture, `http` or `https`.
    #[schema(value_type = Option<String>, format = "uri", min_length = 1, max_length = 2000)]
    avatar_url: Option<WebUrl>,
    /// A website, `http` or `https`.
    #[schema(value_type = Option<String>, format = "uri", min_length = 1, max_length = 2000)]
    website_url: Option<WebUrl>,
    /// Coaching topics, at most 10 of at most 60 characters.
    #[schema(value_type = Vec<SingleLine<60>>, max_items = 10)]
    #[serde(default)]
    coaching_categories: BoundedList<10, 60>,
    /// Years of experience.
    #[schema(value_type = Option<u8>, maximum = 50)]
    experience_years: Option<Years>,
    /// At most 20 entries of at most 150 characters.
    #[schema(value_type = Vec<SingleLine<150>>, max_items = 20)]
    #[serde(default)]
    certifications: BoundedList<20, 150>,
    /// An IANA time zone, such as `Europe/Madrid`.
    #[schema(value_type = Option<String>, min_length = 1, example = "Europe/Madrid")]
    timezone: Option<ZoneName>,
    /// A language tag, such as `en` or `pt-BR`.
    #[schema(value_type = Option<String>, min_length = 2, max_length = 35)]
    language: Option<LanguageTag>,
}

impl From<NewProfile> for ProfileFields {
    fn from(new: NewProfile) -> Self {
        let NewProfile {
            display_name,
            bio,
            avatar_url,
            website_url,
            coaching_categories,
            experience_years,
            certifications,
            timezone,
            language,
        } = new;
        Self {
            display_name: display_name.map(String::from),
            bio: bio.map(String::from),
            avatar_url: avatar_url.map(String::from),
            website_url: website_url.map(String::from),
            coaching_categories: coaching_categories.into(),
            experience_years: experience_years.map(i16::from),
            certifications: certifications.into(),
            timezone: timezone.map(String::from),
            language: language.map(String::from),
        }
    }
}

/// A creator's profile.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Profile {
    /// The account of the profile.
    creator_id: CreatorId,
    display_name: Option<String>,
    bio: Option<String>,
    avatar_url: Option<String>,
    website_url: Option<String>,
    coaching_categories: Vec<String>,
    experience_years: Option<i16>,
    certifications: Vec<String>,
    timezone: Option<String>,
    language: Option<String>,
    /// When it was first saved; null if never.
    created_at: Option<Timestamp>,
    /// When it was last saved.
    updated_at: Option<Timestamp>,
}

impl Profile {
    /// The profile with its entity tag.
    fn response(creator_id: CreatorId, row: Option<SavedProfile>) -> Response {
        let version = row.as_ref().map_or(0, |row| row.version);
        let times = row.as_ref().map(|row| (row.created_at, row.updated_at));
        let ProfileFields {
            display_name,
            bio,
            avatar_url,
            website_url,
            coaching_categories,
            experience_years,
            certifications,
            timezone,
            language,
        } = row.map(|row| row.fields).unwrap_or_default();
        let profile = Self {
            creator_id,
            display_name,
            bio,
            avatar_url,
            website_url,
            coaching_categories,
            experience_years,
            certifications,
            timezone,
            language,
            created_at: times.map(|times| times.0),
            updated_at: times.map(|times| times.1),
        };
        let mut response = Json(profile).into_response();
        if let Ok(tag) = HeaderValue::from_str(&entity_tag::of_version(version)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// Read the profile. A profile that was never saved is empty and still has an entity tag.
#[utoipa::path(
    get, path = "/profile", tag = "profile", security(("bearer" = [])),
    responses(
        (status = 200, body = Profile, headers(("ETag" = String, description = "Its version"))),
        (status = 401, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_profile(
    State(app): State<AppState>,
    caller: Permit<permit::ProfileRead>,
) -> Result<Response, Error> {
    let row = profile::read(&app, caller.tenant).await?;
    Ok(Profile::response(caller.tenant, row))
}

/// Save the profile. Once it exists, `If-Match` must name the version that is replaced, so that
/// nobody overwrites a version that they have not seen.
#[utoipa::path(
    put, path = "/profile", tag = "profile", security(("bearer" = [])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` that was read")),
    request_body = NewProfile,
    responses(
        (status = 200, body = Profile, headers(("ETag" = String, description = "Its version"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 412, description = "precondition_failed", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem),
        (status = 428, description = "precondition_required", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn save_profile(
    State(app): State<AppState>,
    caller: Permit<permit::ProfileWrite>,
    headers: HeaderMap,
    Body(new): Body<NewProfile>,
) -> Result<Response, Error> {
    let if_match = headers.get(header::IF_MATCH);
    let if_match = if_match.map(|tags| tags.to_str().unwrap_or_default());
    let row = profile::save(&app, caller.tenant, new.into(), if_match).await?;
    Ok(Profile::response(caller.tenant, Some(row)))
}
