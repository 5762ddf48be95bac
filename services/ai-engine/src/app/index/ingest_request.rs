//! Indexing by a request that carries the whole text and follows the progress: what creator-hub of
//! 0.1 calls while it runs beside this version. To be removed in the release after the next one.

use bytes::Bytes;
use shared_ai_client::{IngestionEvent, NewIngestion};
use shared_db::TenantTx;
use shared_models::{CreatorId, DocumentId};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::app::index::ingest::{self, Supervisor, Target};
use crate::app::index::ingest_error::IngestError;
use crate::app::index::text_source::TextSource;
use crate::state::AppState;

/// Events that a slow reader may be behind; then the work waits.
const MAX_BUFFERED_EVENTS: usize = 16;

/// Starts to index a document and returns the events. The work stops when the receiver is dropped;
/// a repeated call resumes it.
pub(crate) fn start(
    app: AppState,
    tenant: CreatorId,
    document: DocumentId,
    new: NewIngestion,
) -> mpsc::Receiver<IngestionEvent> {
    let (sender, receiver) = mpsc::channel(MAX_BUFFERED_EVENTS);
    let target = Target {
        tenant,
        document,
        version: new.version,
        title: new.title,
        kind: new.kind,
        access: None,
    };
    let text = WholeText::new(new.text);
    let work = async move { ingest(&app, &target, text, Caller(sender)).await };
    tokio::spawn(work.in_current_span());
    receiver
}

async fn ingest(app: &AppState, target: &Target, mut text: WholeText, caller: Caller) {
    let indexed = tokio::select! {
        indexed = ingest::index(app, target, &mut text, &caller) => indexed,
        () = caller.0.closed() => Err(IngestError::NotOurs),
    };
    let (outcome, last_event) = match indexed {
        Ok(indexed) => {
            let chunks = indexed.passages;
            ("done", Some(IngestionEvent::Done { chunks }))
        }
        Err(IngestError::NotOurs) => ("abandoned", None),
        Err(error) => {
            tracing::warn!(document = %target.document, %error, "document not indexed");
            ("failed", Some(error.failure().into()))
        }
    };
    metrics::counter!("ai_engine_ingestions_total", "outcome" => outcome).increment(1);
    if let Some(event) = last_event {
        let _ = caller.0.send(event).await;
    }
}

/// Who waits for the response.
struct Caller(mpsc::Sender<IngestionEvent>);

impl Supervisor for Caller {
    async fn report(&self, done: u64, total: u64) -> Result<(), IngestError> {
        let number = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
        let (done, total) = (number(done), number(total));
        let sent = self.0.send(IngestionEvent::Progress { done, total }).await;
        sent.map_err(|_| IngestError::NotOurs)
    }

    async fn check(&self, _: &mut TenantTx) -> Result<(), IngestError> {
        if self.0.is_closed() {
            Err(IngestError::NotOurs)
        } else {
            Ok(())
        }
    }
}

/// A text that is in memory.
struct WholeText {
    size: u64,
    text: Option<Bytes>,
}

impl WholeText {
    fn new(text: String) -> Self {
        let size = text.len() as u64;
        // Earlier versions of creator-hub leave foreign line ends to this service.
        let text = if text.contains('\r') {
            text.replace("\r\n", "\n").replace('\r', "\n")
        } else {
            text
        };
        let text = Some(Bytes::from(text));
        Self { size, text }
    }
}

impl TextSource for WholeText {
    fn size(&self) -> u64 {
        self.size
    }

    async fn next(&mut self) -> Result<Option<Bytes>, IngestError> {
        Ok(self.text.take())
    }
}
