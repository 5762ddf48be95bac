//! Backups in a bucket of S3-compatible storage.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use rusty_s3::actions::{
    CompleteMultipartUploadResponse, CreateMultipartUpload, ListObjectsV2, ListObjectsV2Response,
};
use rusty_s3::{Bucket, Credentials, S3Action, UrlStyle};
use shared_config::Secret;
use tokio::sync::mpsc;
use url::Url;

use super::{Object, UploadError, missing, too_long};
use crate::error::{Code, Failure};
use crate::pieces::Piece;

/// Bytes of a part of an upload. S3 takes 10 000 of them: 240 GB for a part of a backup.
const PART_BYTES: usize = 24 * 1024 * 1024;
/// For a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For the next bytes of an answer; storage may take a while to put an upload together.
const READ_TIMEOUT: Duration = Duration::from_mins(5);
/// How long a signature is valid: a part must be sent within this time.
const SIGNATURE_TTL: Duration = Duration::from_hours(6);
/// Attempts of a request.
const MAX_ATTEMPTS: u32 = 5;
/// After the first failed attempt; it doubles with each.
const RETRY_BACKOFF: Duration = Duration::from_millis(500);
/// Most bytes of an error that are read.
const MAX_ERROR_BYTES: usize = 4096;
/// What storage says when it has no space left, besides the status 507.
const FULL: [&str; 4] = [
    "XMinioStorageFull",
    "QuotaExceeded",
    "InsufficientStorage",
    "NoSpaceLeft",
];

/// Where the storage is, and how it is signed in.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Its URL.
    pub endpoint: Url,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Before the path of every object; empty or without slashes around it.
    pub prefix: String,
    /// The name of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: Secret<String>,
    /// Certificates of its authority, PEM, besides those of the web.
    pub ca: Option<String>,
}

/// A bucket of backups.
#[derive(Debug)]
pub struct S3 {
    bucket: Bucket,
    credentials: Credentials,
    prefix: String,
    http: Client,
}

impl S3 {
    /// The bucket of these settings. Nothing is asked yet.
    pub fn new(settings: &S3Settings) -> Result<Self, String> {
        let endpoint = settings.endpoint.clone();
        let (name, region) = (settings.bucket.clone(), settings.region.clone());
        let bucket = Bucket::new(endpoint, UrlStyle::Path, name, region);
        let secret = settings.secret_access_key.expose();
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(ca) = &settings.ca {
            let certificates = reqwest::Certificate::from_pem_bundle(ca.as_bytes());
            let certificates = certificates.map_err(|error| error.to_string())?;
            client = client.tls_certs_merge(certificates);
        }
        Ok(Self {
            bucket: bucket.map_err(|error| error.to_string())?,
            credentials: Credentials::new(settings.access_key_id.clone(), secret.clone()),
            prefix: settings.prefix.trim_matches('/').to_owned(),
            http: client.build().map_err(|error| error.to_string())?,
        })
    }

    fn object(&self, key: &str) -> String {
        if self.prefix.is_empty() {
            key.to_owned()
        } else {
            format!("{}/{key}", self.prefix)
        }
    }

    pub(super) async fn list(&self, platform: &str) -> Result<Vec<Object>, Failure> {
        let prefix = self.object(&format!("{platform}/"));
        let cut = prefix.len() - platform.len() - 1;
        let (mut objects, mut token) = (Vec::new(), None);
        loop {
            let page = self.list_page(&prefix, token).await?;
            objects.extend(page.contents.into_iter().filter_map(|object| {
                Some(Object {
                    key: object.key.get(cut..)?.to_owned(),
                    size: object.size?,
                    changed_at: object.last_modified?.parse::<Timestamp>().ok()?,
                })
            }));
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    async fn list_page(
        &self,
        prefix: &str,
        token: Option<String>,
    ) -> Result<ListObjectsV2Response, Failure> {
        let mut action = self.bucket.list_objects_v2(Some(&self.credentials));
        action.with_prefix(prefix.to_owned());
        if let Some(token) = token {
            action.with_continuation_token(token);
        }
        let url = action.sign(SIGNATURE_TTL);
        let response = self.send("the list of objects", || self.http.get(url.clone()));
        let text = text(response.await?).await?;
        ListObjectsV2::parse_response(&text)
            .map_err(|error| unavailable(format!("the list of objects cannot be read: {error}")))
    }

    pub(super) async fn read(&self, key: &str, most: u64) -> Result<Option<Bytes>, Failure> {
        let object = self.object(key);
        let action = self.bucket.get_object(Some(&self.credentials), &object);
        let url = action.sign(SIGNATURE_TTL);
        let mut response = match self.send(key, || self.http.get(url.clone())).await {
            Ok(response) => response,
            Err(failure) if failure.code == Code::BackupTruncated => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let mut content = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(|error| broken(key, error))? {
            content.extend_from_slice(&piece);
            if content.len() as u64 > most {
                return Err(too_long(key));
            }
        }
        Ok(Some(content.freeze()))
    }

    pub(super) async fn upload(
        &self,
        key: &str,
        mut pieces: mpsc::Receiver<Piece>,
    ) -> Result<(), UploadError> {
        let object = self.object(key);
        let (first, has_ended) = next_part(&mut pieces).await?;
        if has_ended {
            let action = self.bucket.put_object(Some(&self.credentials), &object);
            return Ok(self
                .put(key, &action.sign(SIGNATURE_TTL), first)
                .await
                .map(|_| ())?);
        }
        let id = self.begin(key, &object).await?;
        let uploaded = self
            .upload_parts(key, &object, &id, first, &mut pieces)
            .await;
        if uploaded.is_err() {
            // Storage keeps the parts of an upload that is neither completed nor aborted.
            let credentials = Some(&self.credentials);
            let abort = self
                .bucket
                .abort_multipart_upload(credentials, &object, &id);
            let url = abort.sign(SIGNATURE_TTL);
            if let Err(error) = self.send(key, || self.http.delete(url.clone())).await {
                tracing::warn!(%error, "an interrupted upload was not removed");
            }
        }
        uploaded
    }

    async fn begin(&self, key: &str, object: &str) -> Result<String, Failure> {
        let action = self
            .bucket
            .create_multipart_upload(Some(&self.credentials), object);
        let url = action.sign(SIGNATURE_TTL);
        let response = self.send(key, || self.http.post(url.clone())).await?;
        let begun = CreateMultipartUpload::parse_response(&text(response).await?);
        let begun = begun.map_err(|error| unavailable(format!("{key}: {error}")))?;
        Ok(begun.upload_id().to_owned())
    }

    async fn upload_parts(
        &self,
        key: &str,
        object: &str,
        id: &str,
        first: Bytes,
        pieces: &mut mpsc::Receiver<Piece>,
    ) -> Result<(), UploadError> {
        let (mut part, mut has_ended) = (first, false);
        let mut tags = Vec::new();
        loop {
            let number = u16::try_from(tags.len() + 1).unwrap_or(u16::MAX);
            let credentials = Some(&self.credentials);
            let action = self.bucket.upload_part(credentials, object, number, id);
            tags.push(self.put(key, &action.sign(SIGNATURE_TTL), part).await?);
            if has_ended {
                break;
            }
            (part, has_ended) = next_part(pieces).await?;
            if has_ended && part.is_empty() {
                break;
            }
        }
        let tags = tags.iter().map(String::as_str);
        let credentials = Some(&self.credentials);
        let action = self
            .bucket
            .complete_multipart_upload(credentials, object, id, tags);
        let (url, body) = (action.sign(SIGNATURE_TTL), action.body());
        let complete = || self.http.post(url.clone()).body(body.clone());
        let text = text(self.send(key, complete).await?).await?;
        // It may say 200 and fail all the same.
        let completed = CompleteMultipartUploadResponse::parse(&text);
        completed.map_err(|_| refused(key, StatusCode::OK, &text))?;
        Ok(())
    }

    /// Stores bytes; the tag that the storage gives them.
    async fn put(&self, key: &str, url: &Url, content: Bytes) -> Result<String, Failure> {
        let put = || self.http.put(url.clone()).body(content.clone());
        let response = self.send(key, put).await?;
        let tag = response.headers().get(header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        tag.ok_or_else(|| unavailable(format!("{key}: the storage gave a part no tag")))
    }

    /// Goes on after an interruption where it was.
    pub(super) async fn download(
        &self,
        key: &str,
        pieces: mpsc::Sender<Piece>,
    ) -> Result<(), Failure> {
        let object = self.object(key);
        let (mut offset, mut failures) = (0_u64, 0);
        loop {
            let action = self.bucket.get_object(Some(&self.credentials), &object);
            let url = action.sign(SIGNATURE_TTL);
            let range = format!("bytes={offset}-");
            let get = || {
                let get = self.http.get(url.clone());
                if offset == 0 {
                    get
                } else {
                    get.header(header::RANGE, &range)
                }
            };
            let mut response = self.send(key, get).await?;
            let broken_by = loop {
                match response.chunk().await {
                    Ok(Some(piece)) => {
                        offset += piece.len() as u64;
                        failures = 0;
                        if pieces.send(Piece::Data(piece)).await.is_err() {
                            return Ok(());
                        }
                    }
                    Ok(None) => {
                        let _ = pieces.send(Piece::End).await;
                        return Ok(());
                    }
                    Err(error) => break error,
                }
            };
            failures += 1;
            if failures == MAX_ATTEMPTS {
                return Err(broken(key, broken_by));
            }
            tokio::time::sleep(backoff(failures)).await;
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Failure> {
        let object = self.object(key);
        let action = self.bucket.delete_object(Some(&self.credentials), &object);
        let url = action.sign(SIGNATURE_TTL);
        let delete = || self.http.request(Method::DELETE, url.clone());
        match self.send(key, delete).await {
            Err(failure) if failure.code != Code::BackupTruncated => Err(failure),
            _ => Ok(()),
        }
    }

    /// Sends a request until it is answered; what ends by itself is tried again.
    async fn send(
        &self,
        what: &str,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let mut attempt = 1;
        loop {
            let failure = match request().send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let status = response.status();
                    let failure = refused(what, status, &error_text(response).await);
                    let is_transient = status == StatusCode::TOO_MANY_REQUESTS
                        || status == StatusCode::REQUEST_TIMEOUT
                        || status.is_server_error() && failure.code != Code::TargetFull;
                    if !is_transient {
                        return Err(failure);
                    }
                    failure
                }
                Err(error) => broken(what, error),
            };
            if attempt == MAX_ATTEMPTS {
                return Err(failure);
            }
            tracing::warn!(error = %failure, attempt, "the storage is asked again");
            tokio::time::sleep(backoff(attempt)).await;
            attempt += 1;
        }
    }
}

fn backoff(failures: u32) -> Duration {
    RETRY_BACKOFF * 2_u32.saturating_pow(failures.saturating_sub(1))
}

/// The bytes of the next part of an upload, and whether it is the last.
async fn next_part(pieces: &mut mpsc::Receiver<Piece>) -> Result<(Bytes, bool), UploadError> {
    let mut part = BytesMut::new();
    while part.len() < PART_BYTES {
        match pieces.recv().await {
            Some(Piece::Data(bytes)) => part.extend_from_slice(&bytes),
            Some(Piece::End) => return Ok((part.freeze(), true)),
            None => return Err(UploadError::Abandoned),
        }
    }
    Ok((part.freeze(), false))
}

async fn text(response: Response) -> Result<String, Failure> {
    response
        .text()
        .await
        .map_err(|error| broken("an answer of the storage", error))
}

/// The beginning of an error's body.
async fn error_text(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an answer that is no success means. The address is left out: it is signed.
fn refused(what: &str, status: StatusCode, body: &str) -> Failure {
    let code = between(body, "<Code>", "</Code>").unwrap_or("no code");
    if status == StatusCode::NOT_FOUND && code != "NoSuchBucket" {
        return missing(what);
    }
    let message = between(body, "<Message>", "</Message>").unwrap_or_default();
    let detail = format!("{what}: the storage answers {status}, {code}: {message}");
    if status == StatusCode::INSUFFICIENT_STORAGE || FULL.contains(&code) {
        Failure::new(Code::TargetFull, detail)
    } else {
        unavailable(detail)
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

fn broken(what: &str, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    unavailable(format!("{what}: {error} {}", cause.unwrap_or_default()))
}

fn unavailable(detail: String) -> Failure {
    Failure::new(Code::TargetUnavailable, detail)
}

#[cfg(test)]
mod tests;
