//! Every guarded route, asked as every role and with tokens of one scope: 403 exactly where the
//! permission that its handler names is missing.

use std::fs;
use std::path::Path;

use http::{Method, header};
use serde_json::{Value, json};
use shared_config::Service;
use shared_models::{CreatorId, Permission, Role};
use shared_testkit::{Answer, Stores, TestClient, TestDatabase, TokenMint};
use tempfile::TempDir;
use uuid::Uuid;

use crate::services;

/// A route and the permission in the signature of its handler.
#[derive(Debug)]
struct Guarded {
    service: Service,
    method: Method,
    path: String,
    permission: Permission,
}

/// The guarded routes in the sources of a service, and how often a source names a permission.
fn guarded(service: Service) -> (Vec<Guarded>, usize) {
    let folder = platform_tests::root().join("services").join(service.name());
    let (mut routes, mut named) = (Vec::new(), 0);
    for source in sources(&folder.join("src/routes")) {
        named += source.matches(": Permit<permit::").count();
        for handler in source.split("#[utoipa::path(").skip(1) {
            let handler = handler.split("\n}\n").next().unwrap_or_default();
            let between = |start: &str, end: char| {
                let rest = handler.split_once(start)?.1;
                rest.split(end).next()
            };
            let Some(name) = between(": Permit<permit::", '>') else {
                continue;
            };
            let mut permissions = Permission::ALL.iter().copied();
            let permission = permissions.find(|known| format!("{known:?}") == name);
            let method = handler.split(',').next().unwrap().trim().to_uppercase();
            let path = between("path = \"", '"').unwrap();
            routes.push(Guarded {
                service,
                method: Method::from_bytes(method.as_bytes()).unwrap(),
                path: format!("{}/v1{path}", service.prefix()),
                permission: permission.unwrap_or_else(|| panic!("no permission {name}")),
            });
        }
    }
    (routes, named)
}

fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    found
}

fn is_documented(route: &Guarded) -> bool {
    let folder = platform_tests::root()
        .join("services")
        .join(route.service.name());
    let text = fs::read_to_string(folder.join("openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let method = route.method.as_str().to_lowercase();
    document["paths"][&route.path][&method].is_object()
}

/// Asks for an id that nothing has.
async fn ask(client: &TestClient, route: &Guarded) -> Answer {
    let mut path = String::new();
    for part in route.path.split('/').skip(1) {
        path.push('/');
        if part.starts_with('{') {
            path += &Uuid::now_v7().to_string();
        } else {
            path += part;
        }
    }
    let request = client.request(route.method.clone(), &path);
    let request = request.header(header::CONTENT_TYPE, "application/json");
    client.send(request.body("{}".into()).unwrap()).await
}

/// Whether the answer says that a permission is missing. A stream that begins says that none is.
async fn is_refused(client: &TestClient, route: &Guarded) -> bool {
    let answer = ask(client, route).await;
    let is_problem = answer
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/problem+json");
    is_problem && answer.code() == "permission_missing"
}

#[tokio::test]
async fn a_route_is_refused_exactly_where_its_permission_is_missing() {
    let stores = Stores::from_env();
    let database = TestDatabase::new(&stores).await;
    let (mint, folder) = (TokenMint::new(), TempDir::new().unwrap());
    let routers = services::routers(&stores, &database, &mint, folder.path()).await;
    let (mut asked, mut wrong) = (0, Vec::new());
    for service in Service::ALL {
        let (guarded_routes, named) = guarded(service);
        assert_eq!(
            guarded_routes.len(),
            named,
            "{service:?}: a handler was not read"
        );
        for route in &guarded_routes {
            assert!(is_documented(route), "{route:?}");
            let mut callers: Vec<(Role, Option<Permission>)> =
                Role::ALL.into_iter().map(|role| (role, None)).collect();
            // One scope: the right one, and another one that the role has.
            let other = Permission::ALL
                .iter()
                .find(|other| **other != route.permission);
            callers.push((Role::Owner, Some(route.permission)));
            callers.push((Role::Owner, other.copied()));
            callers.push((Role::Viewer, Some(route.permission)));
            for (role, scope) in callers {
                let mut claims = mint.claims(CreatorId::new(), role);
                claims.scopes = scope
                    .iter()
                    .map(|scope| scope.as_str().to_owned())
                    .collect();
                let client = TestClient::new(routers[&service].clone());
                let client = client.with_token(&mint.sign(&claims));
                let may = role.permits(route.permission)
                    && scope.is_none_or(|scope| scope == route.permission);
                asked += 1;
                if is_refused(&client, route).await == may {
                    wrong.push(json!([format!("{route:?}"), role.as_str(), scope, may]));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(asked > 500, "{asked} requests");
}
