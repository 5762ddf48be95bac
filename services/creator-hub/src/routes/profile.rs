//! The creator's profile.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_models::CreatorId;
use shared_models::text::{MultiLine, SingleLine};
use shared_web::{Body, Permit, Problem, permit};
use utoipa::ToSchema;

use crate::domain::entity_tag;
use crate::domain::listed::Listed;
use crate::domain::profile::{LanguageTag, WebUrl, Years, ZoneName};
use crate::error::Error;
use crate::state::AppState;
use crate::store::profiles::{self, ProfileFields, ProfileRow};

/// What a creator says about themselves. It is saved as a whole: a field that is left out, or
/// null, is empty afterwards.
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
    /// What is coached, at most 10 entries of at most 60 characters.
    #[schema(value_type = Vec<SingleLine<60>>, max_items = 10)]
    #[serde(default)]
    coaching_categories: Listed<10, 60>,
    /// Years of experience.
    #[schema(value_type = Option<u8>, maximum = 50)]
    experience_years: Option<Years>,
    /// At most 20 entries of at most 150 characters.
    #[schema(value_type = Vec<SingleLine<150>>, max_items = 20)]
    #[serde(default)]
    certifications: Listed<20, 150>,
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
    /// Whose profile it is.
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
    /// When it was first saved; null when it never was.
    created_at: Option<Timestamp>,
    /// When it was last saved.
    updated_at: Option<Timestamp>,
}

impl Profile {
    /// The answer to whoever asks for a profile: the document and its tag.
    fn answer(creator_id: CreatorId, row: Option<ProfileRow>) -> Response {
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

/// Read the profile. One that was never saved is empty, and has an entity tag all the same.
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
    let mut tx = app.db.tenant_read(caller.tenant).await?;
    let row = profiles::find(&mut tx).await?;
    Ok(Profile::answer(caller.tenant, row))
}

/// Save the profile. Once there is one, `If-Match` has to name the version that is replaced, so
/// that nobody overwrites what they have not seen.
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
    let mut tx = app.db.tenant(caller.tenant).await?;
    let version = profiles::find(&mut tx).await?.map_or(0, |row| row.version);
    match headers.get(header::IF_MATCH) {
        Some(tags) if !entity_tag::matches(tags.to_str().unwrap_or_default(), version) => {
            return Err(Error::Outdated);
        }
        None if version > 0 => return Err(Error::NoPrecondition),
        _ => {}
    }
    // Somebody else may have saved in between: then nothing comes back.
    let saved = profiles::save(&mut tx, new.into(), version).await?;
    let row = saved.ok_or(Error::Outdated)?;
    tx.commit().await?;
    Ok(Profile::answer(caller.tenant, Some(row)))
}
