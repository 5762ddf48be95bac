//! creator-hub against a real PostgreSQL, Redis and file system, called in this process; ai-engine
//! is played where it has to fail.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at faults"
)]

mod engine;
mod site;
mod test_app;
mod test_collections;
mod test_documents;
mod test_erase;
mod test_formats;
mod test_idempotency;
mod test_languages;
mod test_openapi;
mod test_outage;
mod test_profile;
mod test_progress;
mod test_qa_pairs;
mod test_qa_table;
mod test_quotas;
mod test_search;
mod test_site_settings;
mod test_sites;
mod test_start;
mod test_tenancy;
mod test_tenant_data;
mod test_texts;
mod test_upload;
mod test_versions;
mod test_worker;
mod test_worker_faults;
