//! Requests of creators and visitors that go on while a platform changes, and what became of each.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What is asked of the platform, each again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    SignIn,
    List,
    Upload,
    Ask,
}

impl RequestKind {
    const ALL: [Self; 4] = [Self::SignIn, Self::List, Self::Upload, Self::Ask];

    /// The pause between two requests: together less than two cores can serve.
    const fn pause(self) -> Duration {
        match self {
            Self::SignIn => Duration::from_secs(2),
            Self::List => Duration::from_millis(150),
            Self::Upload => Duration::from_secs(3),
            Self::Ask => Duration::from_millis(900),
        }
    }
}

/// A request that did not get what it should.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: RequestKind,
    pub(crate) after: Duration,
    pub(crate) why: String,
}

/// Who asks, and where.
#[derive(Clone)]
pub(crate) struct Creator {
    pub(crate) http: Client,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) email: String,
    pub(crate) password: String,
}

/// Requests that go on until they are stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

struct Shared {
    client: Creator,
    began: Instant,
    stop: AtomicBool,
    sent: AtomicUsize,
    failures: Mutex<Vec<Failure>>,
    uploaded: Mutex<Vec<String>>,
}

impl Load {
    /// Begins with one loop for each kind of work.
    pub(crate) fn begin(client: Creator) -> Self {
        let shared = Arc::new(Shared {
            client,
            began: Instant::now(),
            stop: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
            failures: Mutex::default(),
            uploaded: Mutex::default(),
        });
        let tasks = RequestKind::ALL.map(|kind| tokio::spawn(Arc::clone(&shared).repeat(kind)));
        Self {
            shared,
            tasks: tasks.into(),
        }
    }

    /// How many requests were sent and how many of them failed since the last time.
    pub(crate) fn take(&self) -> (usize, Vec<Failure>) {
        let sent = self.shared.sent.swap(0, Ordering::Relaxed);
        (
            sent,
            std::mem::take(&mut *self.shared.failures.lock().unwrap()),
        )
    }

    /// Ends the loops; gives the titles of all documents whose upload was accepted.
    pub(crate) async fn end(self) -> Vec<String> {
        self.shared.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        std::mem::take(&mut *self.shared.uploaded.lock().unwrap())
    }
}

impl Shared {
    async fn repeat(self: Arc<Self>, kind: RequestKind) {
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let after = self.began.elapsed();
            self.sent.fetch_add(1, Ordering::Relaxed);
            if let Err(why) = self.once(kind, number).await {
                let failure = Failure { kind, after, why };
                self.failures.lock().unwrap().push(failure);
            }
            sleep(kind.pause()).await;
        }
    }

    async fn once(&self, kind: RequestKind, number: usize) -> Result<(), String> {
        match kind {
            RequestKind::SignIn => {
                let login = json!({"email": self.client.email, "password": self.client.password});
                let request = self.client.http.post(self.url("/auth/v1/login"));
                answered(request.json(&login), StatusCode::OK).await?;
            }
            RequestKind::List => {
                let request = self.client.http.get(self.url("/creator-hub/v1/documents"));
                answered(self.signed(request), StatusCode::OK).await?;
            }
            RequestKind::Upload => self.upload(number).await?,
            RequestKind::Ask => {
                let question = json!({
                    "question": "What temperature should my bedroom have?", "mode": "extractive",
                });
                let request = self.client.http.post(self.url("/ai-engine/v1/answers"));
                let text = answered(self.signed(request).json(&question), StatusCode::OK).await?;
                if !text.contains("event: done") {
                    return Err(format!("the stream ended early: {text}"));
                }
            }
        }
        Ok(())
    }

    async fn upload(&self, number: usize) -> Result<(), String> {
        let title = format!("Note {number}");
        let text = format!("# {title}\n\nThe meeting {number} is on floor {number}.\n");
        let file = Part::bytes(text.into_bytes()).file_name(format!("note-{number}.md"));
        let form = Form::new().text("title", title.clone()).part("file", file);
        let request = self.client.http.post(self.url("/creator-hub/v1/documents"));
        answered(self.signed(request).multipart(form), StatusCode::ACCEPTED).await?;
        self.uploaded.lock().unwrap().push(title);
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.client.base)
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.bearer_auth(&self.client.token)
    }
}

/// The body of the answer, if it has that status.
async fn answered(request: RequestBuilder, wanted: StatusCode) -> Result<String, String> {
    let request = request.timeout(Duration::from_secs(30));
    let response = request.send().await.map_err(|error| format!("{error:?}"))?;
    let status = response.status();
    let text = response
        .text()
        .await
        .map_err(|error| format!("{status}: {error:?}"))?;
    if status == wanted {
        Ok(text)
    } else {
        Err(format!("{status}: {text}"))
    }
}

/// The titles of all documents of an account, and whether each is ready.
pub(crate) async fn documents(creator: &Creator) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!(
            "{}/creator-hub/v1/documents?limit=100{cursor}",
            creator.base
        );
        let request = creator.http.get(url).bearer_auth(&creator.token);
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        for item in page["items"].as_array().unwrap() {
            let title = item["title"].as_str().unwrap().to_owned();
            found.push((title, item["state"] == "ready"));
        }
        let Some(next) = page["next_cursor"].as_str() else {
            return found;
        };
        cursor = format!("&cursor={next}");
    }
}
