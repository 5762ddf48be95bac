//! The vectors that a search of an account uses: those of one model, with the embedder and the
//! calibration of that model.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared_models::CreatorId;
use tokio::time::timeout;

use super::embed::Embedder;
use crate::clients::chroma::VectorStore;
use crate::clients::model_servers::EmbeddingServers;
use crate::clients::ollama::Ollama;
use crate::config::Queues;
use crate::domain::index::calibration::Calibration;
use crate::domain::index::model_change::{self, AccountModels};
use crate::domain::models::is_same_model;
use crate::error::Error;
use crate::state::AppState;
use crate::store::vector_models;

/// For a question that comes before the model of this process is calibrated. Shorter than any
/// caller waits for a search; afterwards the question is answered by words.
const CALIBRATION_TIMEOUT: Duration = Duration::from_secs(4);

/// The vectors of one model.
#[derive(Debug, Clone)]
pub(crate) struct VectorSpace {
    pub(crate) embedder: Embedder,
    pub(crate) vectors: VectorStore,
    /// Whether vectors of another model are being made, and some of this one may be missing.
    pub(crate) is_changing: bool,
}

/// The earlier models of the platform, of which only the platform's own Ollama is asked: further
/// servers have the present one.
#[derive(Debug, Clone)]
pub struct EarlierModels {
    ollama: Ollama,
    queues: Queues,
    embedders: Arc<Mutex<HashMap<String, Embedder>>>,
}

impl EarlierModels {
    pub(crate) fn new(ollama: &Ollama, queues: &Queues) -> Self {
        Self {
            ollama: ollama.clone(),
            queues: queues.clone(),
            embedders: Arc::default(),
        }
    }

    /// Whether no question waits for one of them.
    pub(super) fn are_idle(&self) -> bool {
        self.embedders
            .lock()
            .is_ok_and(|embedders| embedders.values().all(Embedder::is_idle))
    }

    /// The embedder of that model, which is calibrated from its first use on.
    fn embedder(&self, model: &str) -> Embedder {
        let Ok(mut embedders) = self.embedders.lock() else {
            return self.make(model);
        };
        let embedder = embedders.entry(model.to_owned());
        embedder.or_insert_with(|| self.make(model)).clone()
    }

    fn make(&self, model: &str) -> Embedder {
        let servers = EmbeddingServers::of_earlier_model((&self.ollama, model));
        let embedder = Embedder::earlier(servers, model, &self.queues);
        let calibrated = embedder.clone();
        // A question that has waited long enough must not end it.
        tokio::spawn(async move {
            if let Err(error) = calibrated.calibrate().await {
                let model = &calibrated.model().name;
                tracing::warn!(%error, model, "earlier embedding model not calibrated");
            }
        });
        embedder
    }
}

impl VectorSpace {
    /// The vectors that the account is searched by.
    pub(crate) async fn of(app: &AppState, tenant: CreatorId) -> Result<Self, Error> {
        let mut tx = app.db.tenant_read(tenant).await?;
        let account = vector_models::read(&mut tx).await?;
        drop(tx);
        Ok(Self::new(app, account.as_ref()))
    }

    /// The vectors that an account is searched by of which this is recorded.
    pub(crate) fn new(app: &AppState, account: Option<&AccountModels>) -> Self {
        let present = &app.embedder.model().recorded_name;
        let searched = model_change::searched(account, present);
        let is_present = is_same_model(searched.model, present);
        Self {
            embedder: if is_present {
                app.embedder.clone()
            } else {
                app.earlier_models.embedder(searched.model)
            },
            vectors: if is_present {
                app.vectors.clone()
            } else {
                app.vectors.of_model(searched.model)
            },
            is_changing: searched.is_changing,
        }
    }

    /// What the similarities of the vectors mean. Usually it is known since the process started.
    pub(crate) async fn calibration(&self) -> Option<&Calibration> {
        calibration(&self.embedder).await
    }
}

/// What the similarities of a model mean, unless it takes too long to find out.
pub(crate) async fn calibration(embedder: &Embedder) -> Option<&Calibration> {
    match timeout(CALIBRATION_TIMEOUT, embedder.calibrate()).await {
        Ok(Ok(calibration)) => calibration,
        Ok(Err(error)) => {
            tracing::warn!(%error, "embedding model not calibrated");
            None
        }
        Err(_) => None,
    }
}
