//! One reconcile of one Tenant: observe, resolve, plan, apply, report, requeue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use operator_core::api::Tenant;
use operator_core::lease::CLAIM;
use operator_core::tenant::plan::VerdictKind;
use operator_core::tenant::status::Failure;
use operator_core::tenant::{Facts, Outcome, TenantPlan, plan};
use tokio::time::timeout;

use super::apply::{Done, apply, has_ended};
use super::observe::observe;
use super::report::report;
use crate::claims::Refused;
use crate::context::Context;
use crate::error::Error;
use crate::fence::Permit;
use crate::observe::Subject;
use crate::random;
use crate::reconcile::unparsable;

/// A Tenant as it is watched: one that cannot be parsed stops nobody else.
pub(super) type Primary = DeserializeGuard<Tenant>;

/// Longer than any look takes at servers that answer at all.
const DEADLINE: Duration = Duration::from_mins(1);
/// While something is awaited that is not watched, or whose watch has lost an event.
const WAITING: Duration = Duration::from_mins(1);
/// Between two questions how far an erasure is.
const ERASING: Duration = Duration::from_secs(2);

/// The result of one reconcile, for log and metrics.
struct Look {
    outcome: &'static str,
    writes: usize,
    next: Duration,
}

/// Reconciles a Tenant once.
pub(super) async fn reconcile(
    tenant: Arc<Primary>,
    context: Arc<Context>,
) -> Result<Action, Error> {
    let began = Instant::now();
    let result = timeout(DEADLINE, look_at(&tenant, &context)).await;
    let result = result.unwrap_or(Err(Error::Deadline(DEADLINE)));
    log(&tenant, &result, began.elapsed());
    result.map(|look| Action::requeue(look.next))
}

/// After a failure: later each time, for this Tenant alone.
#[expect(clippy::needless_pass_by_value, reason = "the shape that kube wants")]
pub(super) fn error_policy(tenant: Arc<Primary>, _: &Error, context: Arc<Context>) -> Action {
    match Subject::of(&*tenant) {
        Ok(subject) => Action::requeue(context.backoff.failed(&subject.uid, subject.generation)),
        Err(_) => Action::await_change(),
    }
}

async fn look_at(tenant: &Primary, context: &Context) -> Result<Look, Error> {
    let namespace = tenant.namespace().ok_or(Error::NotStored)?;
    let permit = match context.permit(&namespace).await {
        Ok(permit) => permit,
        Err(Refused::Other(_)) => return Ok(claimed_by_another()),
        Err(refused) => return Err(refused.into()),
    };
    match &tenant.0 {
        Ok(tenant) => look(tenant, context, &permit).await,
        Err(bad) => {
            let invalid = unparsable(&bad.error);
            let outcome = Outcome::Invalid(&invalid);
            report(context, &permit, tenant, None, &outcome).await?;
            Ok(rest(context, "unparsable", 0))
        }
    }
}

fn claimed_by_another() -> Look {
    Look {
        outcome: "claimed",
        writes: 0,
        next: random::spread(CLAIM.retry),
    }
}

async fn look(tenant: &Tenant, context: &Context, permit: &Permit<'_>) -> Result<Look, Error> {
    let subject = Subject::of(tenant)?;
    let previous = tenant.status.as_ref();
    let facts = match observe(context, tenant, &subject).await {
        Ok(facts) => facts,
        Err(error) => {
            let outcome = Outcome::Unobserved(&error.to_string());
            report(context, permit, tenant, previous, &outcome).await?;
            return Err(error);
        }
    };
    if let Err(invalid) = operator_core::resolve::resolve_tenant(tenant) {
        let outcome = Outcome::Invalid(&invalid);
        report(context, permit, tenant, previous, &outcome).await?;
        return Ok(rest(context, "invalid", 0));
    }
    let plan = plan(tenant, &facts);
    let done = apply(context, permit, tenant, &subject, &plan.steps).await;
    log_conflict(&subject, &facts, &done);
    if !done.applied.released {
        let outcome = Outcome::Applied(&facts, &plan.verdict, &done.applied);
        report(context, permit, tenant, previous, &outcome).await?;
    }
    Ok(next_look(context, &subject, &plan, &done))
}

/// The status of a Tenant elsewhere does not say whose account is in its way; the log does.
fn log_conflict(subject: &Subject, facts: &Facts, done: &Done) {
    let is_taken = matches!(done.applied.failure, Some(Failure::OwnerTaken));
    let rival = facts.rival.as_deref().filter(|_| facts.account.is_none());
    if is_taken || rival.is_some() {
        let (namespace, tenant) = (&subject.name.namespace, &subject.name.name);
        let used_by = rival.unwrap_or("an account of the platform");
        tracing::warn!(
            namespace,
            tenant,
            used_by,
            "the owner's email address is in use"
        );
    }
}

fn next_look(context: &Context, subject: &Subject, plan: &TenantPlan, done: &Done) -> Look {
    let writes = done.applied.writes;
    if done.applied.failure.is_some() {
        let later = context.backoff.failed(&subject.uid, subject.generation);
        return Look {
            outcome: "failed",
            writes,
            next: done.after.map_or(later, |after| after.max(later)),
        };
    }
    context.backoff.forget(&subject.uid);
    if let Some(erasure) = &done.applied.erasure {
        let next = if has_ended(erasure) {
            ERASING / 2
        } else {
            ERASING
        };
        return Look {
            outcome: "erasing",
            writes,
            next,
        };
    }
    match plan.verdict.kind {
        VerdictKind::Moving => Look {
            outcome: "waiting",
            writes,
            next: random::spread(WAITING),
        },
        VerdictKind::Ready => rest(context, "reconciled", writes),
        VerdictKind::Stalled => rest(context, "stalled", writes),
    }
}

fn rest(context: &Context, outcome: &'static str, writes: usize) -> Look {
    Look {
        outcome,
        writes,
        next: random::spread(context.pace.tenant),
    }
}

fn log(object: &Primary, result: &Result<Look, Error>, took: Duration) {
    let outcome = result.as_ref().map_or("error", |look| look.outcome);
    metrics::counter!("operator_tenant_reconciles_total", "outcome" => outcome).increment(1);
    metrics::histogram!("operator_tenant_reconcile_duration_seconds").record(took);
    let namespace = object.namespace().unwrap_or_default();
    let tenant = object.name_any();
    let ms = took.as_millis();
    match result {
        Ok(look) => tracing::info!(
            namespace,
            tenant,
            outcome,
            writes = look.writes,
            ms,
            requeue_after_s = look.next.as_secs(),
            "reconcile finished"
        ),
        Err(error) => tracing::error!(namespace, tenant, %error, ms, "reconcile failed"),
    }
}
