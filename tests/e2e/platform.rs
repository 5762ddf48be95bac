//! A CreatorPlatform under test, and its APIs through the gateway.

use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use shared_rpc::http_client;
use uuid::Uuid;

use crate::cluster::{apply, get, kubectl, script, wait};
use crate::load::Creator;

/// The sample that the node can run.
pub(crate) fn sample() -> String {
    let path = platform_tests::root().join("crds/samples/docker-free.yaml");
    std::fs::read_to_string(path).unwrap()
}

/// Whether the platform is Ready for the generation that it has.
pub(crate) fn ready(namespace: &str, name: &str) -> bool {
    let platform = get(namespace, &["creatorplatform", name]);
    let generation = &platform["metadata"]["generation"];
    condition(&platform, "Ready").is_some_and(|ready| {
        ready["status"] == "True" && ready["observedGeneration"] == *generation
    })
}

/// One condition.
pub(crate) fn condition<'a>(platform: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = platform["status"]["conditions"].as_array()?;
    all.iter().find(|condition| condition["type"] == kind)
}

/// What to print when a platform does not become Ready.
pub(crate) fn explain(namespace: &str) -> String {
    let of = |what: &[&str]| {
        let mut arguments = vec!["-n", namespace];
        arguments.extend(what);
        String::from_utf8_lossy(&crate::cluster::attempt("kubectl", &arguments, "").stdout)
            .into_owned()
    };
    let status = of(&[
        "get",
        "creatorplatforms",
        "-o",
        "jsonpath={.items[*].status.conditions}",
    ]);
    let pods = of(&["get", "pods,jobs,pvc"]);
    let events = of(&["get", "events", "--sort-by=.lastTimestamp"]);
    let last: Vec<_> = events.lines().rev().take(15).collect();
    let services = "app.kubernetes.io/component in (auth,creator-hub,ai-engine,channel)";
    let services = of(&["logs", "--prefix", "--tail=6", "-l", services]);
    let operator = of(&[
        "--namespace=creator-system",
        "logs",
        "--tail=6",
        "deployment/creator-operator",
    ]);
    let events = last.join("\n");
    format!("{status}\n{pods}\n{events}\n{services}\n{operator}")
}

/// Applies the sample and waits until it is Ready.
pub(crate) fn bring_up(namespace: &str) -> Duration {
    let started = Instant::now();
    apply(namespace, &sample());
    wait(
        Duration::from_mins(5),
        || ready(namespace, "demo"),
        || explain(namespace),
    );
    started.elapsed()
}

/// The platform's APIs, as a creator calls them from outside.
pub(crate) struct Api {
    base: String,
    http: Client,
    token: Option<String>,
}

impl Api {
    /// Opens the way to the gateway of the platform `demo` at that port of loopback.
    pub(crate) async fn open(namespace: &str, port: u16) -> Self {
        Self::open_platform(namespace, "demo", port).await
    }

    /// Opens the way to the gateway of a platform at that port of loopback.
    pub(crate) async fn open_platform(namespace: &str, name: &str, port: u16) -> Self {
        let listen = format!("127.0.0.1:{port}");
        let gateway = format!("{name}-gateway");
        script("forward", &["start", namespace, &gateway, "80", &listen]);
        let api = Self {
            base: format!("http://{listen}"),
            http: http_client::new().unwrap(),
            token: None,
        };
        for _ in 0..100 {
            if api
                .get("/auth/readyz")
                .await
                .is_ok_and(|(status, _)| status == StatusCode::OK)
            {
                return api;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("the gateway does not answer; {}", explain(namespace));
    }

    /// The address of the gateway.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Who is signed in, for requests that may fail.
    pub(crate) fn creator(&self, email: &str, password: &str) -> Creator {
        Creator {
            http: self.http.clone(),
            base: self.base.clone(),
            token: self.token.clone().unwrap(),
            email: email.to_owned(),
            password: password.to_owned(),
        }
    }

    /// GET.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<(StatusCode, Value)> {
        let response = self
            .with_token(self.http.get(self.url(path)))
            .send()
            .await?;
        Ok((
            response.status(),
            response.json().await.unwrap_or(Value::Null),
        ))
    }

    /// POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body).await
    }

    /// GET without a token; the body as text.
    pub(crate) async fn anonymous(&self, path: &str) -> (StatusCode, String) {
        let response = self.http.get(self.url(path)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// GET of a file.
    pub(crate) async fn download(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let request = self.with_token(self.http.get(self.url(path)));
        let response = request.send().await.unwrap();
        (response.status(), response.bytes().await.unwrap().to_vec())
    }

    /// Any method with JSON.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let request = self.http.request(method, self.url(path)).json(body);
        let request = self.with_token(request);
        let response = request.send().await.unwrap();
        (
            response.status(),
            response.json().await.unwrap_or(Value::Null),
        )
    }

    /// Registers a creator and acts as it from now on.
    pub(crate) async fn register(&mut self, email: &str) {
        let (status, answer) = self
            .post(
                "/auth/v1/register",
                &json!({
                    "email": email,
                    "password": "Quiet-Harbour-71",
                    "full_name": "Ana Example",
                }),
            )
            .await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        self.token = Some(
            answer["tokens"]["access_token"]
                .as_str()
                .unwrap()
                .to_owned(),
        );
    }

    /// The same platform, as somebody who has an account.
    pub(crate) async fn signed_in(&self, email: &str, password: &str) -> Self {
        let login = json!({"email": email, "password": password});
        let (status, answer) = self.post("/auth/v1/login", &login).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let token = answer["tokens"]["access_token"].as_str().unwrap();
        Self {
            base: self.base.clone(),
            http: self.http.clone(),
            token: Some(token.to_owned()),
        }
    }

    /// Uploads a text and waits until it is searchable; gives the document.
    pub(crate) async fn upload(&self, name: &str, text: &str) -> Value {
        let content = text.as_bytes().to_vec();
        let id = self.send_file("Sleep guide", name, content).await;
        self.processed(&id).await
    }

    /// Uploads a file; gives the id of its document.
    pub(crate) async fn send_file(&self, title: &str, name: &str, content: Vec<u8>) -> String {
        let (status, answer) = self.try_file(title, name, content).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["document"]["id"].as_str().unwrap().to_owned()
    }

    /// Uploads a file, which may be refused.
    pub(crate) async fn try_file(
        &self,
        title: &str,
        name: &str,
        content: Vec<u8>,
    ) -> (StatusCode, Value) {
        let file = Part::bytes(content).file_name(name.to_owned());
        let form = Form::new()
            .text("title", title.to_owned())
            .part("file", file);
        let request = self
            .http
            .post(self.url("/creator-hub/v1/documents"))
            .multipart(form);
        let response = self.with_token(request).send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap())
    }

    /// Waits until a document is searchable, and gives it.
    pub(crate) async fn processed(&self, id: &str) -> Value {
        for _ in 0..900 {
            let path = format!("/creator-hub/v1/documents/{id}");
            let (_, document) = self.get(&path).await.unwrap();
            match document["state"].as_str() {
                Some("ready") => return document,
                Some("failed") => panic!("the document failed: {document}"),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        panic!("the document did not become ready");
    }

    /// Asks and gives the events of the answer in order.
    pub(crate) async fn ask(&self, question: &str, mode: &str) -> Vec<(String, Value)> {
        let body = json!({"question": question, "mode": mode});
        let url = self.url("/ai-engine/v1/answers");
        self.events_of(self.http.post(url).json(&body)).await
    }

    /// Asks on behalf of a visitor and waits for the end of the answer.
    pub(crate) async fn ask_for(&self, visitor: Uuid, question: &str) -> Vec<(String, Value)> {
        let body = json!({"question": question, "mode": "extractive", "passages": 1});
        let url = self.url("/ai-engine/v1/answers");
        let request = self.http.post(url).json(&body);
        let request = request.header("visitor-id", visitor.to_string());
        self.events_of(request).await
    }

    /// Asks for an answer that can be resumed; gives the path of its record and its events.
    pub(crate) async fn ask_resumably(&self, question: &str) -> (String, Vec<(String, Value)>) {
        let body = json!({"question": question, "mode": "extractive", "resumable": true});
        let request = self
            .http
            .post(self.url("/ai-engine/v1/answers"))
            .json(&body);
        let response = self.with_token(request).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let path = response.headers()["location"].to_str().unwrap().to_owned();
        (path, events(&response.text().await.unwrap()))
    }

    /// The events of an answer after that one.
    pub(crate) async fn resume(&self, path: &str, after: usize) -> Vec<(String, Value)> {
        let request = self.http.get(self.url(&format!("{path}/events")));
        let request = request.header("last-event-id", after.to_string());
        self.events_of(request).await
    }

    async fn events_of(&self, request: reqwest::RequestBuilder) -> Vec<(String, Value)> {
        let response = self.with_token(request).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{text}");
        events(&text)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn with_token(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

/// Takes server-sent events apart.
fn events(text: &str) -> Vec<(String, Value)> {
    let block = |block: &str| {
        let field = |name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name));
            line.map(|line| line.trim().to_owned())
        };
        let data = serde_json::from_str(&field("data:")?).ok()?;
        Some((field("event:")?, data))
    };
    text.split("\n\n").filter_map(block).collect()
}

/// Everything of the platform that is left in a namespace, by kind and name.
pub(crate) fn left_over(namespace: &str) -> Vec<String> {
    let kinds = "deployments,statefulsets,jobs,cronjobs,services,configmaps,serviceaccounts,\
                 networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,ingresses,pods,\
                 persistentvolumeclaims,secrets";
    let label = "app.kubernetes.io/part-of=creator-platform";
    let listed = kubectl(&["-n", namespace, "get", kinds, "-l", label, "-o", "name"]);
    listed.lines().map(str::to_owned).collect()
}
