//! Reads the multipart form of an upload.

#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::{StatusCode, header};
use sha2::{Digest as _, Sha256};
use shared_blobs::{BlobStore, PendingBlob};
use shared_extract::kind;
use shared_models::text::{MultiLine, SingleLine};
use shared_models::{ContentHash, Visibility};
use shared_web::{IdempotencyKey, Idempotent};
use tokio::time::timeout;

use crate::app::library;
use crate::domain::bounded_list::BoundedList;
use crate::domain::document::{
    DESCRIPTION, DocumentKind, TAG, TAGS, TITLE, extension, shown_filename, title_of,
};
use crate::domain::filename;
use crate::domain::library::{NewDocument, NewFile};
use crate::error::Error;

/// Longest wait for the next bytes.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for reading the rest of a refused form.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest field other than the file, bytes.
const MAX_FIELD: usize = 16 * 1024;

/// A complete form.
pub(in crate::routes) struct Form {
    pub(super) file: UploadedFile,
    pub(super) title: Option<SingleLine<TITLE>>,
    pub(super) description: Option<MultiLine<DESCRIPTION>>,
    pub(super) tags: BoundedList<TAGS, TAG>,
    pub(super) visibility: Option<Visibility>,
}

impl Form {
    /// Binds the idempotency key to the content of the form.
    pub(super) fn idempotent(&self, key: IdempotencyKey) -> Idempotent {
        let title = self.title.as_ref().map_or("", SingleLine::as_str);
        let description = self.description.as_ref().map_or("", MultiLine::as_str);
        let mut content = vec![
            self.file.hash.as_bytes(),
            self.file.filename.as_bytes(),
            title.as_bytes(),
            description.as_bytes(),
        ];
        content.extend(self.tags.iter().map(str::as_bytes));
        content.extend(
            self.visibility
                .map(|visibility| visibility.as_str().as_bytes()),
        );
        key.of(&content)
    }

    /// The file, and the document that it becomes.
    pub(super) fn into_document(self) -> (library::ReceivedFile, NewDocument) {
        let (received, file) = self.file.split();
        let title = self.title.map(String::from);
        let document = NewDocument {
            title: title.unwrap_or_else(|| title_of(&file.filename)),
            description: self.description.map(String::from),
            tags: self.tags.into(),
            visibility: self.visibility.unwrap_or_default(),
            file,
            origin: None,
        };
        (received, document)
    }

    /// The file alone; other fields are refused.
    pub(in crate::routes) fn into_file(self) -> Result<(library::ReceivedFile, NewFile), Error> {
        let is_described = self.title.is_some() || self.description.is_some();
        if is_described || self.tags.iter().count() > 0 || self.visibility.is_some() {
            let message = "there may be only file; change the document for the rest".to_owned();
            return Err(Error::Field("form", message));
        }
        Ok(self.file.split())
    }
}

/// A received file that is not in its place yet.
pub(super) struct UploadedFile {
    pub(super) incoming: Box<dyn PendingBlob>,
    pub(super) filename: String,
    pub(super) kind: DocumentKind,
    pub(super) size: u64,
    pub(super) hash: ContentHash,
}

impl UploadedFile {
    fn split(self) -> (library::ReceivedFile, NewFile) {
        let Self {
            incoming,
            filename,
            kind,
            size,
            hash,
        } = self;
        let file = NewFile {
            filename,
            kind,
            file_size: i64::try_from(size).unwrap_or(i64::MAX),
            content_hash: hash,
        };
        (library::ReceivedFile { incoming, hash }, file)
    }
}

/// The fields received so far.
#[derive(Default)]
struct Parts {
    file: Option<UploadedFile>,
    title: Option<SingleLine<TITLE>>,
    description: Option<MultiLine<DESCRIPTION>>,
    tags: Vec<SingleLine<TAG>>,
    visibility: Option<Visibility>,
}

/// Reads a form whose file has at most `max_bytes` bytes.
pub(super) async fn receive(
    files: &dyn BlobStore,
    mut multipart: Multipart,
    max_bytes: u64,
) -> Result<Form, Error> {
    let read = receive_parts(files, &mut multipart, max_bytes).await;
    if read.is_err() {
        drain(&mut multipart).await;
    }
    let Parts {
        file,
        title,
        description,
        tags,
        visibility,
    } = read?;
    let file = file.ok_or_else(|| Error::Field("file", "is missing".to_owned()))?;
    let tags =
        BoundedList::try_from(tags).map_err(|error| Error::Field("tags", error.to_string()))?;
    Ok(Form {
        file,
        title,
        description,
        tags,
        visibility,
    })
}

/// Reads the rest of a refused form. A client that is still sending would see a broken connection
/// instead of the reason. The body limit bounds what is read here.
async fn drain(multipart: &mut Multipart) {
    let rest = async { while let Ok(Some(_)) = multipart.next_field().await {} };
    let _ = timeout(DRAIN_TIMEOUT, rest).await;
}

/// Reads a form with nothing but a file of at most `max_bytes` bytes, which are returned.
pub(super) async fn receive_bytes(
    mut multipart: Multipart,
    max_bytes: u64,
) -> Result<Vec<u8>, Error> {
    let read = read_bytes(&mut multipart, max_bytes).await;
    if read.is_err() {
        drain(&mut multipart).await;
    }
    read
}

async fn read_bytes(multipart: &mut Multipart, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let mut file = None;
    while let Some(mut field) = in_time(multipart.next_field(), max_bytes).await? {
        if field.name() != Some("file") {
            return Err(Error::Field("form", "there may be only file".to_owned()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = in_time(field.chunk(), max_bytes).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > max_bytes {
                return Err(Error::TooLarge(max_bytes));
            }
        }
        if file.replace(bytes).is_some() {
            return Err(Error::Field("file", "must be there once".to_owned()));
        }
    }
    file.ok_or_else(|| Error::Field("file", "is missing".to_owned()))
}

async fn receive_parts(
    files: &dyn BlobStore,
    multipart: &mut Multipart,
    max_bytes: u64,
) -> Result<Parts, Error> {
    let mut parts = Parts::default();
    while let Some(field) = in_time(multipart.next_field(), max_bytes).await? {
        match field.name().unwrap_or_default() {
            "file" if parts.file.is_some() => {
                return Err(Error::Field("file", "must be there once".to_owned()));
            }
            "file" => parts.file = Some(receive_file(files, field, max_bytes).await?),
            "title" => {
                let title = text(field, "title", max_bytes).await?;
                parts.title = parsed("title", &title, SingleLine::parse)?;
            }
            "description" => {
                let description = text(field, "description", max_bytes).await?;
                parts.description = parsed("description", &description, MultiLine::parse)?;
            }
            "tags" => {
                for tag in text(field, "tags", max_bytes).await?.split(',') {
                    parts.tags.extend(parsed("tags", tag, SingleLine::parse)?);
                }
            }
            "visibility" => {
                let name = text(field, "visibility", max_bytes).await?;
                parts.visibility = parsed("visibility", &name, visibility_named)?;
            }
            _ => {
                let known = "there may be file, title, description, tags and visibility";
                let known = known.to_owned();
                return Err(Error::Field("form", known));
            }
        }
    }
    Ok(parts)
}

async fn receive_file(
    files: &dyn BlobStore,
    mut field: Field<'_>,
    max_bytes: u64,
) -> Result<UploadedFile, Error> {
    let filename = shown_filename(&given_name(&field)?);
    let mut incoming = files.begin().await?;
    let (mut head, mut kind) = (Vec::new(), None);
    let (mut hasher, mut size) = (Sha256::new(), 0);
    while let Some(chunk) = in_time(field.chunk(), max_bytes).await? {
        size += chunk.len() as u64;
        if size > max_bytes {
            return Err(Error::TooLarge(max_bytes));
        }
        if kind.is_none() {
            let room = kind::HEAD - head.len();
            head.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if head.len() == kind::HEAD {
                kind = Some(kind_of(&head, &filename)?);
            }
        }
        hasher.update(&chunk);
        incoming.write(&chunk).await?;
    }
    if size == 0 {
        return Err(Error::EmptyFile);
    }
    let kind = kind.map_or_else(|| kind_of(&head, &filename), Ok)?;
    incoming.finish().await?;
    let digest: [u8; 32] = hasher.finalize().into();
    Ok(UploadedFile {
        incoming,
        filename,
        kind,
        size,
        hash: digest.into(),
    })
}

/// What the beginning of a file and the ending of its name say that it is.
fn kind_of(head: &[u8], filename: &str) -> Result<DocumentKind, Error> {
    let kind = kind::of_head(head, extension(filename));
    kind.map(DocumentKind::from)
        .map_err(|_| Error::UnsupportedMediaType)
}

/// The name that the client gives the file, in whatever form.
fn given_name(field: &Field<'_>) -> Result<String, Error> {
    let header = field.headers().get(header::CONTENT_DISPOSITION);
    let header = header.map_or(&[][..], |value| value.as_bytes());
    filename::of_disposition(header).map_err(|error| Error::Field("filename", error.to_string()))
}

/// Reads a short field; a longer one is refused while it is received.
async fn text(mut field: Field<'_>, name: &'static str, max_bytes: u64) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(field.chunk(), max_bytes).await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FIELD {
            return Err(Error::Field(name, "is too long".to_owned()));
        }
    }
    String::from_utf8(bytes).map_err(|_| Error::Field(name, "must be UTF-8".to_owned()))
}

/// A blank field counts as absent: that is how forms send empty fields.
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

fn visibility_named(name: &str) -> Result<Visibility, &'static str> {
    let message = "must be internal, answer_only or public";
    Visibility::from_name(name.trim()).ok_or(message)
}

/// Waits for the next part or chunk, with a timeout.
async fn in_time<T>(
    reading: impl Future<Output = Result<T, MultipartError>>,
    max_bytes: u64,
) -> Result<T, Error> {
    within(READ_TIMEOUT, reading, max_bytes).await
}

async fn within<T>(
    patience: Duration,
    reading: impl Future<Output = Result<T, MultipartError>>,
    max_bytes: u64,
) -> Result<T, Error> {
    let read = timeout(patience, reading)
        .await
        .map_err(|_| Error::Stalled)?;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge(max_bytes),
        _ => Error::MalformedForm(error.body_text()),
    })
}
