//! Reads the form of an upload, part by part.

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::StatusCode;
use sha2::{Digest as _, Sha256};
use shared_models::text::{MultiLine, SingleLine};
use shared_web::{IdempotencyKey, Idempotent};
use tokio::time::timeout;

use crate::domain::content::ContentHash;
use crate::domain::document::{DESCRIPTION, DocumentKind, TAG, TAGS, TITLE, shown_filename};
use crate::domain::listed::Listed;
use crate::domain::text::{NotText, TextCheck};
use crate::error::Error;
use crate::files::{FileStore, Incoming};

/// Longest wait for the next bytes.
const STALL: Duration = Duration::from_secs(30);
/// Longest time that the rest of a refused form is read for.
const DRAIN: Duration = Duration::from_secs(5);
/// Largest field beside the file, bytes.
const FIELD: usize = 16 * 1024;

/// A whole form.
pub(super) struct Form {
    pub(super) file: ReceivedFile,
    pub(super) title: Option<SingleLine<TITLE>>,
    pub(super) description: Option<MultiLine<DESCRIPTION>>,
    pub(super) tags: Listed<TAGS, TAG>,
}

impl Form {
    /// What the request is called by its caller, and what it asks for.
    pub(super) fn named(&self, key: IdempotencyKey) -> Idempotent {
        let title = self.title.as_ref().map_or("", SingleLine::as_str);
        let description = self.description.as_ref().map_or("", MultiLine::as_str);
        let mut asked = vec![
            self.file.hash.as_bytes(),
            self.file.filename.as_bytes(),
            title.as_bytes(),
            description.as_bytes(),
        ];
        asked.extend(self.tags.iter().map(str::as_bytes));
        key.of(&asked)
    }
}

/// A file that is written, and not yet in its place.
pub(super) struct ReceivedFile {
    pub(super) incoming: Box<dyn Incoming>,
    pub(super) filename: String,
    pub(super) kind: DocumentKind,
    pub(super) size: u64,
    pub(super) hash: ContentHash,
}

/// What has come so far.
#[derive(Default)]
struct Parts {
    file: Option<ReceivedFile>,
    title: Option<SingleLine<TITLE>>,
    description: Option<MultiLine<DESCRIPTION>>,
    tags: Vec<SingleLine<TAG>>,
}

/// Reads a form whose file has at most `most` bytes.
pub(super) async fn receive(
    files: &dyn FileStore,
    mut multipart: Multipart,
    most: u64,
) -> Result<Form, Error> {
    let read = receive_parts(files, &mut multipart, most).await;
    if read.is_err() {
        // Whoever still sends would see a broken connection instead of the reason. The body limit
        // bounds what is read here.
        let rest = async { while let Ok(Some(_)) = multipart.next_field().await {} };
        let _ = timeout(DRAIN, rest).await;
    }
    let Parts {
        file,
        title,
        description,
        tags,
    } = read?;
    let file = file.ok_or_else(|| Error::Field("file", "is missing".to_owned()))?;
    let tags = Listed::try_from(tags).map_err(|error| Error::Field("tags", error.to_string()))?;
    Ok(Form {
        file,
        title,
        description,
        tags,
    })
}

async fn receive_parts(
    files: &dyn FileStore,
    multipart: &mut Multipart,
    most: u64,
) -> Result<Parts, Error> {
    let mut parts = Parts::default();
    while let Some(field) = in_time(multipart.next_field(), most).await? {
        match field.name().unwrap_or_default() {
            "file" if parts.file.is_some() => {
                return Err(Error::Field("file", "must be there once".to_owned()));
            }
            "file" => parts.file = Some(receive_file(files, field, most).await?),
            "title" => {
                let title = text(field, "title", most).await?;
                parts.title = parsed("title", &title, SingleLine::parse)?;
            }
            "description" => {
                let description = text(field, "description", most).await?;
                parts.description = parsed("description", &description, MultiLine::parse)?;
            }
            "tags" => {
                for tag in text(field, "tags", most).await?.split(',') {
                    parts.tags.extend(parsed("tags", tag, SingleLine::parse)?);
                }
            }
            _ => {
                let known = "there may be file, title, description and tags".to_owned();
                return Err(Error::Field("form", known));
            }
        }
    }
    Ok(parts)
}

async fn receive_file(
    files: &dyn FileStore,
    mut field: Field<'_>,
    most: u64,
) -> Result<ReceivedFile, Error> {
    let filename = shown_filename(field.file_name().unwrap_or_default());
    let kind = DocumentKind::of_filename(&filename).ok_or(Error::UnsupportedMediaType)?;
    let mut incoming = files.begin().await?;
    let (mut check, mut hasher, mut size) = (TextCheck::default(), Sha256::new(), 0);
    while let Some(chunk) = in_time(field.chunk(), most).await? {
        size += chunk.len() as u64;
        if size > most {
            return Err(Error::TooLarge(most));
        }
        check.push(&chunk)?;
        hasher.update(&chunk);
        incoming.write(&chunk).await?;
    }
    if size == 0 {
        return Err(Error::EmptyFile);
    }
    check.finish()?;
    incoming.finish().await?;
    let digest: [u8; 32] = hasher.finalize().into();
    Ok(ReceivedFile {
        incoming,
        filename,
        kind,
        size,
        hash: digest.into(),
    })
}

impl From<NotText> for Error {
    fn from(NotText: NotText) -> Self {
        Self::UnsupportedMediaType
    }
}

/// A short field; what is longer than any field may be is refused while it comes.
async fn text(mut field: Field<'_>, name: &'static str, most: u64) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk(), most).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FIELD {
            return Err(Error::Field(name, "is too long".to_owned()));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::Field(name, "must be UTF-8".to_owned()))
}

/// A field that is left blank counts as absent, as forms send it.
fn parsed<T, E: std::fmt::Display>(
    name: &'static str,
    text: &str,
    parse: fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Error> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    parse(text)
        .map(Some)
        .map_err(|error| Error::Field(name, error.to_string()))
}

/// Waits for the next part or chunk, but not for ever.
async fn in_time<T>(
    reading: impl Future<Output = Result<T, MultipartError>>,
    most: u64,
) -> Result<T, Error> {
    within(STALL, reading, most).await
}

async fn within<T>(
    patience: Duration,
    reading: impl Future<Output = Result<T, MultipartError>>,
    most: u64,
) -> Result<T, Error> {
    let read = timeout(patience, reading)
        .await
        .map_err(|_| Error::Stalled)?;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(most),
        _ => Error::MalformedForm(error.body_text()),
    })
}
