#![doc = include_str!("../README.md")]

pub mod access;
pub mod answer;
pub mod client;
pub mod ingestion;
pub mod qa;
pub mod search;

pub use access::{DOCUMENTS_PER_JOB, DocumentAccess, SET_DOCUMENT_ACCESS, SetDocumentAccess};
pub use answer::{
    AnswerEvent, AnswerFailure, AnswerMode, AppliedPolicy, ChatTurn, Done, FallbackReason,
    FellBackReason, PolicyKind, Question, Source, SourceKind, TurnRole, Usage,
};
pub use client::{AiClient, AiError};
pub use ingestion::{
    DetectedLanguage, DocumentInLanguage, DocumentLanguages, INDEX_DOCUMENT, IndexDocument,
    IndexedDocument, IndexingOutcome, IngestionEvent, IngestionFailure, LANGUAGES_PER_JOB,
    NewIngestion, RECORD_LANGUAGES, TextArtefact, TextKind,
};
pub use qa::{PAIRS_PER_REQUEST, QaPairChanges, QaPairCopy};
pub use search::{Degraded, SearchRequest, SearchResults};
