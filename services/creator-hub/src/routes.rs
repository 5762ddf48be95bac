//! All endpoints of this service.

mod collections;
mod documents;
mod internal;
mod jobs;
mod profile;
mod progress;
mod qa_pairs;
mod search;
mod sites;
mod upload;
mod versions;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use shared_hub_client::{ORIGINAL_ROUTE, TEXT_ROUTE};
use shared_web::Endpoints;
use shared_web::tenant_data::ROUTE as TENANT_DATA;
use utoipa_axum::router::UtoipaMethodRouterExt as _;
use utoipa_axum::routes;

use crate::state::AppState;

/// Bytes that the fields and boundaries of an upload may take in addition to the file.
const MAX_FORM_OVERHEAD: u64 = 256 * 1024;

/// The endpoints below `/creator-hub/v1`.
pub(crate) fn v1<E: Endpoints<AppState>>(upload_max_bytes: u64) -> E {
    let body = usize::try_from(upload_max_bytes + MAX_FORM_OVERHEAD).unwrap_or(usize::MAX);
    E::default()
        .routes(routes!(profile::read_profile, profile::save_profile))
        .routes(
            routes!(documents::list_documents, upload::upload_document)
                .layer(DefaultBodyLimit::max(body)),
        )
        .routes(routes!(
            documents::read_document,
            documents::update_document,
            documents::delete_document
        ))
        .routes(routes!(documents::reprocess_document))
        .routes(
            routes!(versions::list_versions, versions::upload_version)
                .layer(DefaultBodyLimit::max(body)),
        )
        .routes(routes!(versions::restore_version))
        .routes(routes!(versions::compare_versions))
        .routes(routes!(versions::download_version))
        .routes(routes!(versions::download_file))
        .routes(routes!(
            collections::list_collections,
            collections::create_collection
        ))
        .routes(routes!(
            collections::read_collection,
            collections::update_collection,
            collections::delete_collection
        ))
        .routes(routes!(
            collections::add_to_collection,
            collections::remove_from_collection
        ))
        .routes(routes!(qa_pairs::list_qa_pairs, qa_pairs::create_qa_pair))
        .routes(routes!(
            qa_pairs::read_qa_pair,
            qa_pairs::update_qa_pair,
            qa_pairs::delete_qa_pair
        ))
        .routes(
            routes!(qa_pairs::table::import_qa_pairs)
                .layer(DefaultBodyLimit::max(qa_pairs::table::MAX_BODY)),
        )
        .routes(routes!(qa_pairs::table::export_qa_pairs))
        .routes(routes!(progress::read_status))
        .routes(routes!(progress::follow_document))
        .routes(routes!(jobs::read_job))
        .routes(routes!(search::search_knowledge))
        .routes(routes!(sites::list_sites, sites::create_site))
        .routes(routes!(
            sites::read_site,
            sites::update_site,
            sites::delete_site
        ))
        .routes(routes!(sites::list_site_pages))
        .routes(routes!(sites::sync_site))
        .routes(routes!(sites::sync_all_sites))
}

/// Endpoints for other services, below `/creator-hub`; the gateway does not route them.
pub(crate) fn internal_routes() -> Router<AppState> {
    let tenant_data = get(internal::tenant_data::export).delete(internal::tenant_data::erase);
    Router::new()
        .route(TENANT_DATA, tenant_data)
        .route(TEXT_ROUTE, get(internal::texts::read))
        .route(ORIGINAL_ROUTE, get(internal::originals::read))
}
