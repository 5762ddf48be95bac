//! Every route of every OpenAPI document, asked for what another tenant owns: the answer is that
//! of an id which nobody has, byte for byte.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use axum::Router;
use http::{Method, header};
use serde_json::{Map, Value, json};
use shared_config::Service;
use shared_models::{CreatorId, Role};
use shared_testkit::{Answer, Sample, Stores, TestClient, TestDatabase, TokenMint};
use sqlx::ConnectOptions as _;
use tempfile::TempDir;
use uuid::Uuid;

use crate::rls::rows::{self, Tenant};
use crate::rls::tables::tables;
use crate::services;

/// How often each of the two requests is timed; they take turns in coming first. More would meet
/// the rate limit of the account. The difference in time is only measured, so `make test` does with
/// fewer.
fn rounds() -> usize {
    Sample::from_env().size(10, 30)
}

/// A form with a file.
const FORM: &str = "--b\r\n\
    Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n\
    words\r\n--b--\r\n";

/// A route that names something by its id.
struct Route {
    service: Service,
    method: Method,
    path: String,
    body: Option<Value>,
    /// Whether the body is a form with a file.
    takes_file: bool,
}

impl Route {
    /// Whether the id is a visitor's channel: whoever reads the page knows it, and no creator's
    /// token opens it. channel's own tests have these routes.
    fn is_of_visitors(&self) -> bool {
        self.path.contains("/widget/")
    }

    /// Whether the id is of something that no tenant owns: administrators of the platform alone
    /// come so far, and everybody else is told that, whatever the id.
    fn is_of_the_platform(&self) -> bool {
        self.path.contains("/registration-invitations/")
    }

    fn with(&self, id: Uuid) -> String {
        let mut path = String::new();
        for part in self.path.split('/').skip(1) {
            path += "/";
            path += &match part {
                "{number}" => "1".to_owned(),
                part if part.starts_with('{') => id.to_string(),
                part => part.to_owned(),
            };
        }
        path.replace("{id}", &id.to_string())
    }
}

/// The routes of one document with an id in their path or in their query.
fn routes(service: Service) -> Vec<Route> {
    let folder = platform_tests::root().join("services").join(service.name());
    let text = std::fs::read_to_string(folder.join("openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let ids = parameters.filter_map(|parameter| {
                let name = parameter["name"].as_str()?;
                (parameter["in"] == "query" && name.ends_with("_id"))
                    .then(|| format!("{name}={{id}}"))
            });
            let query = ids.collect::<Vec<_>>().join("&");
            if !path.contains('{') && query.is_empty() {
                continue;
            }
            let mark = if query.is_empty() { "" } else { "?" };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            routes.push(Route {
                service,
                method,
                path: format!("{path}{mark}{query}"),
                body: (!schema.is_null()).then(|| example(&document, schema)),
                takes_file: !operation["requestBody"]["content"]["multipart/form-data"].is_null(),
            });
        }
    }
    routes
}

/// A value that the schema takes: what is required, or else the one property that is simplest.
fn example(document: &Value, schema: &Value) -> Value {
    if let Some(reference) = schema["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return example(document, document.pointer(pointer).unwrap());
    }
    if let Some(first) = schema["oneOf"].get(0).or_else(|| schema["allOf"].get(0)) {
        return example(document, first);
    }
    if let Some(word) = schema["enum"].get(0) {
        return word.clone();
    }
    let kind = schema["type"].get(0).unwrap_or_else(|| &schema["type"]);
    match kind.as_str().unwrap_or_default() {
        "object" => object(document, schema),
        "array" => json!([]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        _ if schema["format"] == "uuid" => json!(Uuid::nil()),
        _ if schema["format"] == "email" => json!("someone@example.com"),
        _ => json!("words"),
    }
}

fn object(document: &Value, schema: &Value) -> Value {
    let Some(properties) = schema["properties"].as_object() else {
        return json!({});
    };
    let required = schema["required"].as_array();
    let mut names: Vec<&str> = required
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if names.is_empty() {
        // A plain string is sooner valid than a list or an object.
        let simple = properties
            .iter()
            .find(|(_, property)| property["type"] == "string");
        let first = simple.or_else(|| properties.iter().next());
        names.extend(first.map(|(name, _)| name.as_str()));
    }
    let value = |name: &str| (name.to_owned(), example(document, &properties[name]));
    names.into_iter().map(value).collect::<Map<_, _>>().into()
}

/// Two tenants with a row in every table, and the services.
struct TestPlatform {
    routers: BTreeMap<Service, Router>,
    mint: TokenMint,
    asking: Tenant,
    other: Tenant,
    _database: TestDatabase,
    _folder: TempDir,
}

impl TestPlatform {
    async fn new() -> Self {
        let stores = Stores::from_env();
        let database = TestDatabase::new(&stores).await;
        let (mint, folder) = (TokenMint::new(), TempDir::new().unwrap());
        let admin = database.admin().await;
        let (asking, other) = (Tenant::new(), Tenant::new());
        let mut connection = admin.connect_options().connect().await.unwrap();
        rows::fill(&mut connection, &tables(&admin).await, &[asking, other]).await;
        Self {
            routers: services::routers(&stores, &database, &mint, folder.path()).await,
            mint,
            asking,
            other,
            _database: database,
            _folder: folder,
        }
    }

    /// The answers to the asking tenant for two ids, which take turns in coming first, and how
    /// long each took.
    async fn by_turns(
        &self,
        round: usize,
        route: &Route,
        mut ids: [(Uuid, &mut Vec<Duration>); 2],
    ) -> [Answer; 2] {
        let turned = round % 2 == 1;
        if turned {
            ids.reverse();
        }
        let [first, second] = ids;
        let mut answers = [
            self.timed(route, first).await,
            self.timed(route, second).await,
        ];
        if turned {
            answers.reverse();
        }
        answers
    }

    async fn timed(&self, route: &Route, (id, times): (Uuid, &mut Vec<Duration>)) -> Answer {
        let start = Instant::now();
        let answer = self.ask(self.asking, route, id).await;
        times.push(start.elapsed());
        answer
    }

    async fn ask(&self, tenant: Tenant, route: &Route, id: Uuid) -> Answer {
        let creator: CreatorId = tenant.creator.to_string().parse().unwrap();
        let claims = self.mint.claims(creator, Role::Owner);
        let client = TestClient::new(self.routers[&route.service].clone());
        let client = client.with_token(&self.mint.sign(&claims));
        let request = client.request(route.method.clone(), &route.with(id));
        let request = match &route.body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string().into()),
            None if route.takes_file => request
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
                .body(FORM.into()),
            None => request.body(axum::body::Body::empty()),
        };
        client.send(request.unwrap()).await
    }
}

/// What a caller can tell two answers apart by.
fn seen(answer: &Answer) -> (u16, Option<String>, String) {
    let kind = answer.headers.get(header::CONTENT_TYPE);
    let kind = kind.map(|value| value.to_str().unwrap().to_owned());
    let mut body = answer.json();
    let trace = body["trace_id"].take();
    let text = match trace.as_str() {
        Some(trace) => answer.text().replace(trace, ""),
        None => answer.text(),
    };
    (answer.status.as_u16(), kind, text)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
async fn what_another_tenant_owns_is_answered_as_what_nobody_has() {
    let platform = TestPlatform::new().await;
    let (mut asked, mut faults, mut ratios) = (0, Vec::new(), Vec::new());
    let all = Service::ALL.into_iter().flat_map(routes);
    // The rows of this test are no settings of a widget, which an original depends on.
    for route in all.filter(|route| !(route.is_of_visitors() && route.path.ends_with("/file"))) {
        let (mut foreign_times, mut missing_times) = (Vec::new(), Vec::new());
        for round in 0..rounds() {
            // The path is in the body of a problem, so both ids must read the same.
            let missing_id = Uuid::now_v7();
            let order = [
                (platform.other.id, &mut foreign_times),
                (missing_id, &mut missing_times),
            ];
            let [foreign, missing] = platform.by_turns(round, &route, order).await;
            let unlike = |id: Uuid, answer: &Answer| {
                let (status, kind, text) = seen(answer);
                (status, kind, text.replace(&id.to_string(), "ID"))
            };
            let (foreign, missing) = (
                unlike(platform.other.id, &foreign),
                unlike(missing_id, &missing),
            );
            let by_path = route.path.split('?').next().unwrap().contains('{');
            let elsewhere = route.is_of_visitors() || route.is_of_the_platform();
            let is_404 = foreign.0 == 404 || elsewhere || !by_path;
            if foreign != missing || !is_404 || foreign.0 >= 500 {
                faults.push(format!(
                    "{} {}: {foreign:?}, a missing id {missing:?}",
                    route.method, route.path
                ));
                break;
            }
        }
        asked += 1;
        let (foreign, missing) = (median(foreign_times), median(missing_times));
        ratios.push((foreign.as_secs_f64() / missing.as_secs_f64() - 1.0).abs() * 100.0);
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(asked >= 15, "only {asked} routes");
    ratios.sort_by(f64::total_cmp);
    let _ = writeln!(
        io::stderr(),
        "measured: swapped ids: {asked} routes alike to a missing id; difference of the medians of \
         time: {:.1} % in the middle, {:.1} % at most",
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1],
    );
}

#[tokio::test]
async fn the_owner_reaches_what_a_stranger_is_told_nobody_has() {
    let platform = TestPlatform::new().await;
    let (mut reached, mut refused) = (0, Vec::new());
    let reads = |route: &Route| {
        route.method == Method::GET && !route.is_of_visitors() && !route.path.contains('?')
    };
    for route in Service::ALL.into_iter().flat_map(routes).filter(reads) {
        // A stream that goes on was found, too.
        let answer = platform.ask(platform.other, &route, platform.other.id);
        match tokio::time::timeout(Duration::from_secs(1), answer).await {
            Ok(answer) if answer.status.as_u16() == 404 => refused.push(route.path),
            _ => reached += 1,
        }
    }
    assert!(reached >= 8 && refused.len() * 4 <= reached, "{refused:?}");
}
