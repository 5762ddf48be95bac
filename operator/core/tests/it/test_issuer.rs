//! The issuer of access tokens: a name that a new hostname does not change.

use jiff::Timestamp;
use operator_core::api::CreatorPlatform;
use operator_core::api::status::PlatformStatus;
use operator_core::object::{Kind, ObjectKey};
use operator_core::status::{Applied, Outcome, Planned, status};
use operator_core::{Observed, plan};
use shared_config::Service;

use crate::fixtures::{resolved, sample};
use crate::world::at_rest;

/// The status after a reconcile of the platform.
fn reported(platform: &CreatorPlatform) -> PlatformStatus {
    let (resolved, observed) = (resolved(platform), Observed::default());
    let plan = plan(&resolved, &observed);
    let planned = Planned {
        resolved: &resolved,
        observed: &observed,
        plan: &plan,
    };
    let applied = Applied::default();
    let outcome = Outcome::Applied(planned, &applied);
    status(platform.status.as_ref(), 1, &outcome, Timestamp::UNIX_EPOCH)
}

/// A variable of a service, as the plan writes it.
fn variable(platform: &CreatorPlatform, service: Service, name: &str) -> String {
    let key = ObjectKey::new(Kind::Deployment, format!("demo-{}", service.name()));
    let body = &at_rest(platform).bodies[&key];
    let containers = &body["spec"]["template"]["spec"]["containers"];
    let env = containers[0]["env"].as_array().expect("variables");
    let found = env.iter().find(|variable| variable["name"] == name);
    found.expect(name)["value"]
        .as_str()
        .expect("a value")
        .to_owned()
}

#[test]
fn a_new_hostname_leaves_the_issuer() {
    let mut platform = sample("minimal");
    platform.spec.gateway.public_url = Some("https://before.example.org".to_owned());
    assert_eq!(
        variable(&platform, Service::Auth, "TOKEN_ISSUER"),
        "https://before.example.org"
    );
    platform.status = Some(reported(&platform));

    platform.spec.gateway.public_url = Some("https://after.example.org".to_owned());
    for service in Service::ALL {
        let found = |name| variable(&platform, service, name);
        assert_eq!(
            found("TOKEN_ISSUER"),
            "https://before.example.org",
            "{service:?}"
        );
        assert_eq!(
            found("PUBLIC_URL"),
            "https://after.example.org",
            "{service:?}"
        );
    }
    // It is known for good, not only until the next reconcile.
    platform.status = Some(reported(&platform));
    assert_eq!(
        variable(&platform, Service::Auth, "TOKEN_ISSUER"),
        "https://before.example.org"
    );
    let status = platform.status.as_ref().expect("a status");
    assert_eq!(
        status.endpoint.as_deref(),
        Some("https://after.example.org")
    );
}

#[test]
fn the_spec_decides_about_the_issuer() {
    let mut platform = sample("minimal");
    platform.status = Some(reported(&platform));
    platform.spec.auth.issuer = Some("https://creators.example.org".to_owned());
    for service in Service::ALL {
        let issuer = variable(&platform, service, "TOKEN_ISSUER");
        assert_eq!(issuer, "https://creators.example.org");
    }
    let status = reported(&platform);
    assert_eq!(
        status.token_issuer.as_deref(),
        Some("https://creators.example.org")
    );
}
