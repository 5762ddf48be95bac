//! The command `events` of each service: what its subscriptions have set aside, and another try.
//!
//! `events failed`, `events redeliver TENANT SUBSCRIPTION EVENT`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use futures_util::future::BoxFuture;
use shared_cache::{Cache, CacheSettings};
use shared_config::Reader;
use shared_db::{DatabaseSettings, Db};

use crate::{Dispatcher, EventBus, store};

/// Events that one call lists.
const LISTED: i32 = 100;
const USAGE: &str = "usage: events failed | events redeliver TENANT SUBSCRIPTION EVENT";

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Runs the command with its arguments and prints what it found. `subscriptions` adds those of the
/// service.
pub fn main(
    mut reader: Reader,
    arguments: Vec<String>,
    subscriptions: fn(Dispatcher) -> Dispatcher,
) -> BoxFuture<'static, ExitCode> {
    Box::pin(async move {
        let database = DatabaseSettings::from_reader(&mut reader);
        let redis = CacheSettings::from_reader(&mut reader);
        let output = match reader.finish((database, redis)) {
            Ok((database, redis)) => match Cache::new(&redis) {
                Ok(cache) => {
                    let bus = EventBus::new(cache);
                    let dispatcher = subscriptions(Dispatcher::new(Db::new(&database), bus));
                    run(&dispatcher, &arguments).await
                }
                Err(error) => Err(error.into()),
            },
            Err(problems) => Err(problems.into()),
        };
        let written = output.and_then(|text| Ok(io::stdout().write_all(text.as_bytes())?));
        let Err(error) = written else {
            return ExitCode::SUCCESS;
        };
        tracing::error!(%error, "command failed");
        ExitCode::FAILURE
    })
}

/// Runs the command; the text is for people.
pub async fn run(dispatcher: &Dispatcher, arguments: &[String]) -> Result<String, Error> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["failed"] => failed(dispatcher.db()).await,
        ["redeliver", tenant, subscription, event] => {
            let (tenant, id) = (tenant.parse()?, event.parse()?);
            if !dispatcher.redeliver(tenant, subscription, id).await? {
                return Err("this subscription has set no such event of this tenant aside".into());
            }
            Ok(format!("event {event} delivered to {subscription}\n"))
        }
        _ => Err(USAGE.into()),
    }
}

async fn failed(db: &Db) -> Result<String, Error> {
    let mut text = String::new();
    for failure in store::list_failures(db, LISTED).await? {
        let store::FailureRow {
            tenant,
            subscription,
            event,
            name,
            attempts,
            code,
            reason,
            minutes_ago,
        } = failure;
        writeln!(
            text,
            "tenant={tenant} subscription={subscription} event={event} type={name} \
             attempts={attempts} minutes_ago={minutes_ago} code={code} reason={reason:?}"
        )?;
    }
    Ok(text)
}
