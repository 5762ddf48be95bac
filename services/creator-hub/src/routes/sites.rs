//! Sites whose pages are documents: add, list, schedule, synchronise, delete.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_config::Service;
use shared_fetch::FetchFailure;
use shared_models::{Bounded, DocumentId, Page, PageRequest, SiteId, SitePageId, Visibility};
use shared_web::{
    Body, Created, Id, IdempotencyHeader, Keyed, Once, Paging, Permit, Problem, Query, permit,
};
use utoipa::ToSchema;

use super::documents::present;
use super::jobs::WorkError;
use crate::app::sites;
use crate::domain::site::{
    MAX_HOURS, Part, SiteKind, SiteState, SiteToAdd, SiteUpdate, SiteUrl, StoredPage, StoredSite,
};
use crate::error::Error;
use crate::state::AppState;

/// A site to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSite {
    /// An address on the public internet, or in a network that the operator of the platform allows.
    #[schema(min_length = 1, max_length = 2048)]
    url: String,
    /// What the address is; found out when absent.
    #[serde(default)]
    kind: Option<SiteKind>,
    /// Hours between two synchronisations; only when asked, when absent.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 8760)]
    every_hours: Option<Bounded<1, MAX_HOURS>>,
    /// Who may see the documents that its pages become; `answer_only` when absent.
    #[serde(default)]
    visibility: Option<Visibility>,
}

/// The fields to change; an absent field stays unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "absent leaves it, null ends the schedule"
)]
pub(crate) struct SiteChange {
    /// Hours between two synchronisations; null: only when asked.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 8760)]
    #[serde(default, deserialize_with = "present")]
    every_hours: Option<Option<Bounded<1, MAX_HOURS>>>,
    /// Who may see its documents, also those of pages that are read later.
    #[schema(value_type = Visibility)]
    #[serde(default, deserialize_with = "present")]
    visibility: Option<Visibility>,
}

/// A site. Its pages are documents.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Site {
    id: SiteId,
    url: String,
    /// What the address is: as it was given, or as it was found.
    kind: Option<SiteKind>,
    /// Hours between two synchronisations; null: only when asked.
    every_hours: Option<i32>,
    /// Who may see the documents that its pages become.
    visibility: Visibility,
    state: SiteState,
    /// Why the last synchronisation failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
    /// Pages that the list of the site names.
    pages: i64,
    /// Those that the last or current synchronisation has dealt with.
    pages_read: i64,
    /// Those that could not be read.
    pages_failed: i64,
    /// The end of the last synchronisation that succeeded.
    synced_at: Option<Timestamp>,
    /// When the next one begins.
    next_sync_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<StoredSite> for Site {
    fn from(row: StoredSite) -> Self {
        let StoredSite {
            id,
            url,
            kind,
            found_kind,
            every_hours,
            visibility,
            state,
            error,
            pages,
            synced_at,
            next_sync_at,
            created_at,
            updated_at,
        } = row;
        Self {
            id,
            url,
            kind: kind.or(found_kind),
            every_hours,
            visibility,
            state,
            error: error.map(|(code, reason)| WorkError { code, reason }),
            pages: pages.listed,
            pages_read: pages.read,
            pages_failed: pages.failed,
            synced_at,
            next_sync_at,
            created_at,
            updated_at,
        }
    }
}

/// A page of a site.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SitePage {
    id: SitePageId,
    url: String,
    /// The document that the page is.
    document_id: Option<DocumentId>,
    /// Its document was deleted: it is not read again.
    left_out: bool,
    /// Why it was not read the last time. What was read before stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<WorkError>,
    /// When it was last asked for.
    read_at: Option<Timestamp>,
}

impl From<StoredPage> for SitePage {
    fn from(row: StoredPage) -> Self {
        let StoredPage {
            id,
            url,
            document,
            is_left_out,
            error_code,
            read_at,
        } = row;
        let error = error_code.map(|code| {
            let failure = FetchFailure::from_code(&code);
            let reason = failure.map_or("", FetchFailure::reason).to_owned();
            WorkError { code, reason }
        });
        Self {
            id,
            url,
            document_id: document,
            left_out: is_left_out,
            error,
            read_at,
        }
    }
}

/// An accepted deletion.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ErasingSite {
    /// The number of documents that are being deleted.
    documents: i64,
}

/// Add a site. It is accepted at once and read in the background; its `state` says how far that is.
#[utoipa::path(
    post, path = "/sites", tag = "sites", security(("bearer" = [])),
    params(IdempotencyHeader), request_body = NewSite,
    responses(
        (status = 202, body = Site, headers(("Location" = String, description = "The site"))),
        (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem),
        (status = 409, description = "duplicate_site, too_many_sites or request_in_progress",
         body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn create_site(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Keyed(request, new): Keyed<NewSite>,
) -> Result<Once<Site>, Error> {
    let NewSite {
        url,
        kind,
        every_hours,
        visibility,
    } = new;
    let url = SiteUrl::parse(&url).map_err(|error| Error::Field("url", error.to_string()))?;
    let new = SiteToAdd {
        url,
        kind,
        every_hours: every_hours.map(|hours| hours.get().into()),
        visibility: visibility.unwrap_or_default(),
    };
    sites::create(&app, caller.tenant, new, &request, accepted).await
}

fn accepted(site: StoredSite) -> Created<Site> {
    Created {
        status: StatusCode::ACCEPTED,
        location: format!("{}/v1/sites/{}", Service::CreatorHub.prefix(), site.id),
        body: site.into(),
    }
}

/// List the sites, newest first.
#[utoipa::path(
    get, path = "/sites", tag = "sites", security(("bearer" = [])), params(PageRequest),
    responses(
        (status = 200, body = Page<Site>), (status = 401, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn list_sites(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    paging: Paging,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<Site>>, Error> {
    let window = paging.window(&page)?;
    let part = Part {
        after: window.after,
        limit: window.limit + 1,
    };
    let rows = sites::list(&app, caller.tenant, part).await?;
    let items = rows.into_iter().map(Site::from).collect();
    Ok(Json(
        paging.page(items, window, |site: &Site| site.id.as_uuid()),
    ))
}

/// Read one site.
#[utoipa::path(
    get, path = "/sites/{id}", tag = "sites", security(("bearer" = [])),
    params(("id" = SiteId, Path)),
    responses(
        (status = 200, body = Site), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_site", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn read_site(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    Id(id): Id<SiteId>,
) -> Result<Json<Site>, Error> {
    let site = sites::read(&app, caller.tenant, id).await?;
    Ok(Json(site.into()))
}

/// List the pages of a site, in the order of its list.
#[utoipa::path(
    get, path = "/sites/{id}/pages", tag = "sites", security(("bearer" = [])),
    params(("id" = SiteId, Path), PageRequest),
    responses(
        (status = 200, body = Page<SitePage>), (status = 400, body = Problem),
        (status = 401, body = Problem),
        (status = 404, description = "unknown_site", body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn list_site_pages(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsRead>,
    paging: Paging,
    Id(id): Id<SiteId>,
    Query(page): Query<PageRequest>,
) -> Result<Json<Page<SitePage>>, Error> {
    let window = paging.window(&page)?;
    let part = Part {
        after: window.after,
        limit: window.limit + 1,
    };
    let rows = sites::list_pages(&app, caller.tenant, id, part).await?;
    let items = rows.into_iter().map(SitePage::from).collect();
    Ok(Json(
        paging.page(items, window, |page: &SitePage| page.id.as_uuid()),
    ))
}

/// Change how often a site is synchronised, or who may see its documents.
#[utoipa::path(
    patch, path = "/sites/{id}", tag = "sites", security(("bearer" = [])),
    params(("id" = SiteId, Path)), request_body = SiteChange,
    responses(
        (status = 200, body = Site), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_site", body = Problem),
        (status = 413, body = Problem), (status = 415, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn update_site(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<SiteId>,
    Body(change): Body<SiteChange>,
) -> Result<Json<Site>, Error> {
    let hours = change.every_hours;
    let update = SiteUpdate {
        every_hours: hours.map(|hours| hours.map(|hours| hours.get().into())),
        visibility: change.visibility,
    };
    let site = sites::change(&app, caller.tenant, id, update).await?;
    Ok(Json(site.into()))
}

/// Synchronise a site now. What has not changed is not processed again.
#[utoipa::path(
    post, path = "/sites/{id}/sync", tag = "sites", security(("bearer" = [])),
    params(("id" = SiteId, Path)),
    responses(
        (status = 202, body = Site), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_site", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn sync_site(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<SiteId>,
) -> Result<(StatusCode, Json<Site>), Error> {
    let site = sites::sync(&app, caller.tenant, id).await?;
    Ok((StatusCode::ACCEPTED, Json(site.into())))
}

/// The synchronisations that have been asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SitesToSync {
    /// How many sites will be synchronised.
    sites: usize,
}

/// Synchronise every site now. What has not changed is not processed again.
#[utoipa::path(
    post, path = "/sites/sync", tag = "sites", security(("bearer" = [])),
    responses(
        (status = 202, body = SitesToSync), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem),
    )
)]
pub(crate) async fn sync_all_sites(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
) -> Result<(StatusCode, Json<SitesToSync>), Error> {
    let sites = sites::sync_all(&app, caller.tenant).await?;
    Ok((StatusCode::ACCEPTED, Json(SitesToSync { sites })))
}

/// Delete a site with its documents. It disappears at once; a job deletes the documents.
#[utoipa::path(
    delete, path = "/sites/{id}", tag = "sites", security(("bearer" = [])),
    params(("id" = SiteId, Path)),
    responses(
        (status = 202, body = ErasingSite), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, description = "unknown_site", body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(crate) async fn delete_site(
    State(app): State<AppState>,
    caller: Permit<permit::DocumentsWrite>,
    Id(id): Id<SiteId>,
) -> Result<(StatusCode, Json<ErasingSite>), Error> {
    let documents = sites::delete(&app, caller.tenant, id).await?;
    Ok((StatusCode::ACCEPTED, Json(ErasingSite { documents })))
}
