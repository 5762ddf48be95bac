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
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgPool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::rls::rows::{self, Tenant};
use crate::rls::tables::{Table, tables};
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

/// The ids of one request.
#[derive(Clone, Copy)]
struct Ids {
    /// In the path and the query.
    path: Uuid,
    /// In the body.
    body: Uuid,
}

impl Ids {
    const fn all(id: Uuid) -> Self {
        Self { path: id, body: id }
    }
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

    /// Whether its body names something by an id.
    fn has_id_in_body(&self) -> bool {
        let text = self.body.as_ref().map(Value::to_string);
        text.is_some_and(|text| text.contains(&Uuid::nil().to_string()))
    }

    fn body_with(&self, id: Uuid) -> Option<String> {
        let body = self.body.as_ref()?.to_string();
        Some(body.replace(&Uuid::nil().to_string(), &id.to_string()))
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

/// The routes of one document with an id in their path, their query or their body.
fn routes_with_ids(service: Service) -> Vec<Route> {
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
            let mark = if query.is_empty() { "" } else { "?" };
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let route = Route {
                service,
                method,
                path: format!("{path}{mark}{query}"),
                body: (!schema.is_null()).then(|| example(&document, schema)),
                takes_file: !operation["requestBody"]["content"]["multipart/form-data"].is_null(),
            };
            if route.path.contains('{') || route.has_id_in_body() {
                routes.push(route);
            }
        }
    }
    routes
}

/// Those with an id in their path or in their query.
fn routes(service: Service) -> Vec<Route> {
    let mut routes = routes_with_ids(service);
    routes.retain(|route| route.path.contains('{'));
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
        "array" if resolve(document, &schema["items"])["format"] == "uuid" => json!([Uuid::nil()]),
        "array" => json!([]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        _ if schema["format"] == "uuid" => json!(Uuid::nil()),
        _ if schema["format"] == "email" => json!("someone@example.com"),
        _ => json!("words"),
    }
}

/// What a property is, behind a reference or beside `null`.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = |schema: &'a Value| {
        let pointer = schema["$ref"].as_str()?.trim_start_matches('#');
        document.pointer(pointer)
    };
    let mut parts = schema["oneOf"].as_array().into_iter().flatten();
    let of_parts = parts.find_map(reference);
    reference(schema).or(of_parts).unwrap_or(schema)
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
    // Whatever is named by an id is named: another tenant's id must be refused there, too.
    let names_ids = |property: &Value| {
        let of = resolve(document, property);
        let of = of.get("items").map_or(of, |items| resolve(document, items));
        of["format"] == "uuid"
    };
    for (name, property) in properties {
        if names_ids(property) && !names.contains(&name.as_str()) {
            names.push(name);
        }
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
    tables: Vec<Table>,
    admin: PgPool,
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
        let tables = tables(&admin).await;
        rows::fill(&mut connection, &tables, &[asking, other]).await;
        Self {
            routers: services::routers(&stores, &database, &mint, folder.path()).await,
            mint,
            asking,
            other,
            tables,
            admin,
            _database: database,
            _folder: folder,
        }
    }

    /// All rows of a tenant, by table.
    async fn rows_of(&self, tenant: Tenant) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for table in self.tables.iter().filter(|table| table.has_tenant()) {
            let name = &table.name;
            let sql = format!(
                "select coalesce(string_agg(t::text, '|' order by t::text), '') from {name} t
                 where creator_id = $1"
            );
            let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(tenant.creator);
            let text: String = query.fetch_one(&self.admin).await.unwrap();
            all.insert(name.clone(), text);
        }
        all
    }

    /// Puts the rows of a tenant back as they were at first.
    async fn restore(&self, tenant: Tenant) {
        let mut connection = self.admin.connect_options().connect().await.unwrap();
        rows::run(&mut connection, "set session_replication_role = replica").await;
        for table in self.tables.iter().filter(|table| table.has_tenant()) {
            let (name, creator) = (&table.name, tenant.creator);
            let delete = format!("delete from {name} where creator_id = '{creator}'");
            rows::run(&mut connection, &delete).await;
        }
        rows::fill(&mut connection, &self.tables, &[tenant]).await;
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
        let answer = self.ask(self.asking, route, Ids::all(id)).await;
        times.push(start.elapsed());
        answer
    }

    async fn ask(&self, tenant: Tenant, route: &Route, ids: Ids) -> Answer {
        let creator: CreatorId = tenant.creator.to_string().parse().unwrap();
        let claims = self.mint.claims(creator, Role::Owner);
        let client = TestClient::new(self.routers[&route.service].clone());
        let client = client.with_token(&self.mint.sign(&claims));
        let request = client.request(route.method.clone(), &route.with(ids.path));
        let request = match route.body_with(ids.body) {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.into()),
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
    let before = platform.rows_of(platform.other).await;
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
            // No route at all would be alike for both, too.
            let is_found = !foreign.2.contains("unknown_path");
            let is_404 = foreign.0 == 404 && is_found || elsewhere || !by_path;
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
    assert_eq!(platform.rows_of(platform.other).await, before);
    ratios.sort_by(f64::total_cmp);
    let _ = writeln!(
        io::stderr(),
        "measured: swapped ids: {asked} routes alike to a missing id; difference of the medians of \
         time: {:.1} % in the middle, {:.1} % at most",
        ratios[ratios.len() / 2],
        ratios[ratios.len() - 1],
    );
}

/// Routes that do not find the made-up rows of this test although they are the caller's own: what
/// they need beside the row.
const NOT_FOUND_BY_THEIR_OWNER: [(&str, &str); 4] = [
    (
        "DELETE /auth/v1/privacy/erasures/{id} unknown_privacy_request",
        "the made-up request is an export",
    ),
    (
        "GET /auth/v1/privacy/erasures/{id} unknown_privacy_request",
        "the made-up request is an export",
    ),
    (
        "DELETE /auth/v1/sessions/{id} unknown_session",
        "the session of another person of the account",
    ),
    (
        "GET /creator-hub/v1/jobs/{id} unknown_job",
        "the made-up job is about no document",
    ),
];

#[tokio::test]
async fn the_owner_reaches_what_a_stranger_is_told_nobody_has() {
    let platform = TestPlatform::new().await;
    let (mut reached, mut refused) = (0, Vec::new());
    let own = |route: &Route| {
        let elsewhere = route.is_of_visitors() || route.is_of_the_platform();
        !elsewhere && !route.path.contains('?')
    };
    let mut other_methods = 0;
    for route in Service::ALL.into_iter().flat_map(routes).filter(own) {
        let changes = route.method != Method::GET;
        // A stream that goes on was found, too.
        let answer = platform.ask(platform.other, &route, Ids::all(platform.other.id));
        match tokio::time::timeout(Duration::from_secs(1), answer).await {
            Ok(answer) if answer.status.as_u16() == 404 => {
                let code = answer.code();
                refused.push(format!("{} {} {code}", route.method, route.path));
            }
            _ => {
                reached += 1;
                other_methods += usize::from(changes);
            }
        }
        if changes {
            platform.restore(platform.other).await;
        }
    }
    let expected: Vec<String> = NOT_FOUND_BY_THEIR_OWNER
        .iter()
        .map(|(route, _)| (*route).to_owned())
        .collect();
    assert_eq!(refused, expected, "the others were found");
    assert!(
        reached >= 30 && other_methods >= 15,
        "{reached}, {other_methods}"
    );
}

#[tokio::test]
async fn an_id_of_another_tenant_in_a_body_is_an_id_that_nobody_has() {
    let platform = TestPlatform::new().await;
    let (mut asked, mut faults) = (0, Vec::new());
    let before = platform.rows_of(platform.other).await;
    let in_body = |route: &Route| route.has_id_in_body() && !route.is_of_visitors();
    for route in Service::ALL
        .into_iter()
        .flat_map(routes_with_ids)
        .filter(in_body)
    {
        let mut answers = Vec::new();
        for body in [platform.other.id, Uuid::now_v7()] {
            let path = platform.asking.id;
            let answer = platform
                .ask(platform.asking, &route, Ids { path, body })
                .await;
            let (status, _, text) = seen(&answer);
            answers.push((status, text.replace(&body.to_string(), "ID")));
            let kept = platform.rows_of(platform.asking).await;
            let other = platform.other.id.to_string();
            let kept = kept.iter().find(|(_, rows)| rows.contains(&other));
            if let Some((table, _)) = kept {
                faults.push(format!(
                    "{} {} refers to it in {table}",
                    route.method, route.path
                ));
            }
            platform.restore(platform.asking).await;
        }
        asked += 1;
        let what = format!("{} {}: {answers:?}", route.method, route.path);
        let [foreign, missing] = answers.try_into().unwrap();
        // Services do not reach each other in this test. What was created has ids and times of its
        // own.
        let failed = foreign.0 >= 500 && foreign.0 != 503;
        if foreign.0 != missing.0 || foreign.0 >= 300 && foreign.1 != missing.1 || failed {
            faults.push(what);
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(asked >= 5, "only {asked} routes");
    assert_eq!(platform.rows_of(platform.other).await, before);
}
