//! The four services in this process, as the operator configures them, on the stores of the tests.

use std::collections::BTreeMap;
use std::path::Path;

use axum::Router;
use axum::extract::FromRef;
use shared_auth::TokenVerifier;
use shared_config::{Reader, Service};
use shared_testkit::{Stores, TestClient, TestDatabase, TokenMint};
use tokio_util::sync::CancellationToken;

use crate::test_environment::{environments, samples};

/// A router for each service; all trust the mint.
pub(crate) async fn routers(
    stores: &Stores,
    database: &TestDatabase,
    mint: &TokenMint,
    folder: &Path,
) -> BTreeMap<Service, Router> {
    let (_, platform) = samples().into_iter().next().unwrap();
    let environments = environments(&platform);
    let mut routers = BTreeMap::new();
    for service in Service::ALL {
        let command = format!("{} serve", service.binary());
        let reader = Reader::from_map(environments[&command].clone());
        let router = router(service, reader, stores, database, mint, folder).await;
        routers.insert(service, router);
    }
    routers
}

async fn router(
    service: Service,
    reader: Reader,
    stores: &Stores,
    database: &TestDatabase,
    mint: &TokenMint,
    folder: &Path,
) -> Router {
    let settings = (
        database.settings(service),
        stores.as_service(&stores.cache_settings(), service),
        mint.settings("http://127.0.0.1:1"),
    );
    match service {
        Service::Auth => {
            let mut config = auth_service::Config::from_reader(reader).unwrap();
            (config.database, config.cache, config.verifier) = settings;
            let state = auth_service::AppState::new(&config).unwrap();
            let router = auth_service::app(state.clone());
            // Auth trusts its own keys once it has read them; the mint's come after.
            TestClient::new(router.clone()).get("/readyz").await;
            trust(mint, &state);
            router
        }
        Service::CreatorHub => {
            let mut config = creator_hub_service::Config::from_reader(reader).unwrap();
            (config.database, config.cache, config.verifier) = settings;
            folder.clone_into(&mut config.upload_dir);
            let stop = CancellationToken::new();
            let state = creator_hub_service::AppState::new(&config, stop).unwrap();
            trust(mint, &state);
            creator_hub_service::app(state)
        }
        Service::AiEngine => {
            let mut config = ai_engine_service::Config::from_reader(reader).unwrap();
            (config.database, config.cache, config.verifier) = settings;
            let state = ai_engine_service::AppState::new(config).unwrap();
            trust(mint, &state);
            ai_engine_service::app(state)
        }
        Service::Channel => {
            let mut config = channel_service::Config::from_reader(reader).unwrap();
            (config.database, config.cache, config.verifier) = settings;
            let stop = CancellationToken::new();
            let state = channel_service::AppState::new(&config, stop).unwrap();
            trust(mint, &state);
            channel_service::app(state)
        }
    }
}

fn trust<S>(mint: &TokenMint, state: &S)
where
    TokenVerifier: FromRef<S>,
{
    TokenVerifier::from_ref(state).replace_keys(&mint.key_set());
}
