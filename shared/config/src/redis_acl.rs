//! What each service may do in Redis: the rules of its ACL user (redis.io, "ACL").
//!
//! A service that was taken over must not undo what the others rely on: it cannot delete a
//! revocation, announce that one was lifted, lower a limit of sign-ins, or write events into the
//! conversations of visitors. The operator writes these rules into the server's ACL file; tests
//! run every service as its user.

use crate::Service;

/// Commands of every service. The client sends `INFO` and commands about its own connection, which
/// are named by their category: versions of Redis refuse the names of those that they do not know.
const COMMANDS: &str = "-@all +@connection -@admin -@dangerous +info \
    +get +mget +set +setex +del +exists +pexpire +time +rpush +lrange +llen +lindex \
    +eval +evalsha +script|load +subscribe +unsubscribe";
/// Of auth: it deletes the keys of an erased account.
const ERASURE_COMMANDS: &str = "+scan +unlink +publish";

/// Rate limits of callers and addresses, which every service counts.
const SHARED_LIMITS: [&str; 3] = [
    "{*}:limit:caller:*",
    "{*}:limit:account",
    "{*}:limit:address",
];
/// Revocations and the epoch under which they are complete: auth writes them, all read them.
const REVOCATIONS: [&str; 2] = ["{*}:revoked:*", "revocations:*"];
/// Channels that every service subscribes to.
const HEARD: [&str; 3] = ["revocations", "wake:*", "{*}:jobs"];
/// Channels that every service publishes to: wake-up calls, which are hints, and progress.
const ANNOUNCED: [&str; 2] = ["wake:*", "{*}:jobs"];

/// The rules of a service's user, without its name and password. `prefix` precedes every key and
/// channel; it is empty but in tests, which share one server.
pub fn rules(service: Service, prefix: &str) -> String {
    let mut rules = vec!["resetkeys resetchannels".to_owned(), COMMANDS.to_owned()];
    if service == Service::Auth {
        rules.push(ERASURE_COMMANDS.to_owned());
        rules.push(format!("~{prefix}*"));
        rules.extend(patterns('&', prefix, &HEARD));
        rules.push(format!("&{prefix}signing-keys"));
        return rules.join(" ");
    }
    let (keys, channels) = own(service);
    rules.extend(patterns('~', prefix, &SHARED_LIMITS));
    rules.extend(patterns('~', prefix, keys));
    let read_only = REVOCATIONS.map(|pattern| format!("%R~{prefix}{pattern}"));
    rules.extend(read_only);
    rules.extend(patterns('&', prefix, &HEARD));
    rules.extend(patterns('&', prefix, channels));
    // A selector of its own: the channels above may be heard only.
    let mut announced: Vec<String> = patterns('&', prefix, &ANNOUNCED).collect();
    announced.extend(patterns('&', prefix, channels));
    rules.push(format!("(+publish {})", announced.join(" ")));
    rules.join(" ")
}

/// Keys and channels that this service alone uses.
const fn own(service: Service) -> (&'static [&'static str], &'static [&'static str]) {
    match service {
        Service::Auth | Service::CreatorHub => (&[], &[]),
        Service::AiEngine => (&["{*}:answer:*", "{*}:answer-events:*"], &[]),
        Service::Channel => (
            &["{*}:limit:widget-*", "{*}:widget", "{*}:account-settings"],
            &["{*}:conversation:*"],
        ),
    }
}

fn patterns<'a>(
    kind: char,
    prefix: &'a str,
    all: &'a [&'a str],
) -> impl Iterator<Item = String> + 'a {
    all.iter()
        .map(move |pattern| format!("{kind}{prefix}{pattern}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_alone_writes_revocations_and_announces_them() {
        for service in Service::ALL {
            let rules = rules(service, "");
            let is_auth = service == Service::Auth;
            assert_eq!(rules.contains(" ~*"), is_auth, "{rules}");
            assert_eq!(rules.contains("%R~{*}:revoked:*"), !is_auth, "{rules}");
            assert_eq!(rules.contains("+scan"), is_auth, "{rules}");
            let (root, selector) = rules.split_once(" (").unwrap_or((&rules, ""));
            assert_eq!(root.contains("+publish"), is_auth, "{rules}");
            assert!(!selector.contains("revocations"), "{rules}");
        }
    }

    #[test]
    fn every_pattern_has_the_prefix() {
        let rules = rules(Service::Channel, "a-test:");
        assert!(rules.contains("~a-test:{*}:widget "), "{rules}");
        assert!(rules.contains("%R~a-test:revocations:*"), "{rules}");
        assert!(
            rules.contains("(+publish &a-test:wake:* &a-test:{*}:jobs &a-test:{*}:conv"),
            "{rules}"
        );
    }
}
