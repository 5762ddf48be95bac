//! Checks of addresses of IPv6, of which the schema knows the characters only.

use std::net::Ipv6Addr;

use super::Problem;
use crate::api::CreatorPlatform;

/// Every host and URL whose address is none.
pub(super) fn problems(platform: &CreatorPlatform, found: &mut Vec<Problem>) {
    let spec = &platform.spec;
    let external = [
        (
            "spec.postgres.external.host",
            spec.postgres.external.as_ref().map(|one| &one.host),
        ),
        (
            "spec.redis.external.host",
            spec.redis.external.as_ref().map(|one| &one.host),
        ),
    ];
    for (path, host) in external {
        if let Some(host) = host.filter(|host| host.contains(':')) {
            check(path, host, found);
        }
    }
    let urls = [
        ("spec.gateway.publicUrl", spec.gateway.public_url.as_ref()),
        (
            "spec.chroma.external.url",
            spec.chroma.external.as_ref().map(|one| &one.url),
        ),
        (
            "spec.ollama.external.url",
            spec.ollama.external.as_ref().map(|one| &one.url),
        ),
    ];
    let urls = urls
        .into_iter()
        .filter_map(|(path, url)| Some((path.to_owned(), url?)));
    let origins = spec.gateway.cors_origins.iter();
    let origins = origins.map(|origin| ("spec.gateway.corsOrigins".to_owned(), origin));
    let servers = spec.model_servers.iter();
    let servers = servers.map(|one| (format!("spec.modelServers[{}].url", one.name), &one.url));
    for (path, url) in urls.chain(origins).chain(servers) {
        let in_brackets = url.split_once("://[").and_then(|(_, rest)| {
            let (address, _) = rest.split_once(']')?;
            Some(address)
        });
        if let Some(address) = in_brackets {
            check(&path, address, found);
        }
    }
}

fn check(path: &str, address: &str, found: &mut Vec<Problem>) {
    if address.parse::<Ipv6Addr>().is_err() {
        found.push(Problem {
            path: path.to_owned(),
            wrong: format!("{address} is no IPv6 address"),
            remedy: "write an address such as fd00:10::5, in a URL in brackets".to_owned(),
        });
    }
}
