//! Status and events of a platform, written only when they say something new.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::events::{Event, EventType};
use operator_core::api::status::OperatorStatus;
use operator_core::api::{Condition, ConditionStatus, CreatorPlatform, PlatformStatus};
use operator_core::plan::STATUS_FIELD_MANAGER;
use operator_core::reason::Reason;
use operator_core::status::operators::{Claim, sign};
use operator_core::status::{Outcome, status};
use serde_json::json;

use crate::context::Context;
use crate::error::Error;
use crate::fence::Permit;
use crate::observe::Subject;

/// Another operator looks at each platform at least every 12 minutes, and signs when it does.
const RIVAL_TTL: Duration = Duration::from_mins(30);
/// The API server refuses longer notes.
const NOTE_MAX: usize = 1024;

/// Writes the status that follows from `outcome`, if it differs from the current one.
///
/// The current status is read from the API server only when there seems to be a difference: what
/// the watch delivered may be older than our own last write.
pub async fn report<K>(
    context: &Context,
    permit: &Permit<'_>,
    platform: &K,
    previous: Option<&PlatformStatus>,
    outcome: &Outcome<'_>,
) -> Result<(), Error>
where
    K: Resource<DynamicType = ()> + kube::ResourceExt,
{
    let subject = Subject::of(platform)?;
    let claim = claim(context, &subject);
    let signed =
        |before: Option<&PlatformStatus>| signed(before, &subject, outcome, claim.as_ref());
    if is_known(context, &subject, previous, signed(previous)) {
        remember(context, &subject, None);
        return Ok(());
    }
    let api: Api<CreatorPlatform> =
        Api::namespaced(context.client.clone(), &subject.name.namespace);
    let present = latest(&api, &subject).await?;
    let next = signed(present.as_ref());
    if present.as_ref() != Some(&next) {
        write(permit, &api, &subject, &next).await?;
    }
    remember_plan(context, &subject, &next);
    if present.as_ref() == Some(&next) {
        remember(context, &subject, None);
        return Ok(());
    }
    let rival = claim.and_then(|claim| claim.rival_in(present.as_ref()));
    remember(context, &subject, rival);
    let known = present
        .as_ref()
        .map_or(&[][..], |status| &status.conditions);
    announce(context, &platform.object_ref(&()), known, &next.conditions).await;
    Ok(())
}

/// Whether the status says already what follows from `outcome`. After a start the plan in it is
/// read, once.
pub async fn says(
    context: &Context,
    subject: &Subject,
    previous: Option<&PlatformStatus>,
    outcome: &Outcome<'_>,
) -> Result<bool, Error> {
    let claim = claim(context, subject);
    let next = |before| signed(before, subject, outcome, claim.as_ref());
    let mut is_said = is_known(context, subject, previous, next(previous));
    if !is_said && context.memories.of(&subject.uid).pending_plan.is_none() {
        let api = Api::namespaced(context.client.clone(), &subject.name.namespace);
        let present = latest(&api, subject).await?;
        let fresh = next(present.as_ref());
        is_said = present.as_ref() == Some(&fresh);
        if is_said {
            remember_plan(context, subject, &fresh);
        }
    }
    if is_said {
        remember(context, subject, None);
    }
    Ok(is_said)
}

fn remember_plan(context: &Context, subject: &Subject, status: &PlatformStatus) {
    let pending_plan = hash(&status.pending_plan);
    context.memories.change(&subject.uid, |memory| {
        memory.pending_plan = pending_plan;
    });
}

/// Whether the status that a watch delivered, and what is remembered of its plan, are the next one.
fn is_known(
    context: &Context,
    subject: &Subject,
    previous: Option<&PlatformStatus>,
    mut next: PlatformStatus,
) -> bool {
    let pending_plan = hash(&next.pending_plan);
    next.pending_plan = Vec::new();
    let remembered = context.memories.of(&subject.uid).pending_plan;
    previous == Some(&next) && (pending_plan.is_none() || pending_plan == remembered)
}

/// Nothing where there is no plan.
fn hash(plan: &[String]) -> Option<u64> {
    if plan.is_empty() {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    plan.hash(&mut hasher);
    Some(hasher.finish())
}

/// The status that follows from `outcome` and from the present one.
fn signed(
    before: Option<&PlatformStatus>,
    subject: &Subject,
    outcome: &Outcome<'_>,
    claim: Option<&Claim>,
) -> PlatformStatus {
    let now = Timestamp::now();
    let mut next = status(before, subject.generation, outcome, now);
    if let Some(claim) = claim {
        sign(&mut next, before, claim, now);
    }
    next
}

/// What this process knows of other operators of a platform.
fn claim(context: &Context, subject: &Subject) -> Option<Claim> {
    let own = context.identity.clone()?;
    let memory = context.memories.of(&subject.uid);
    let recent = memory
        .rival
        .filter(|(_, noticed)| noticed.elapsed() < RIVAL_TTL);
    Some(Claim {
        own,
        held: memory.signed,
        rival: recent.map(|(rival, _)| rival),
    })
}

fn remember(context: &Context, subject: &Subject, rival: Option<OperatorStatus>) {
    let Some(own) = &context.identity else {
        return;
    };
    if let Some(rival) = &rival {
        let (namespace, platform) = (&subject.name.namespace, &subject.name.name);
        let (operator, other) = (&own.name, &rival.name);
        tracing::warn!(
            namespace,
            platform,
            operator,
            other,
            "another operator manages the same platform"
        );
    }
    context.memories.change(&subject.uid, |memory| {
        memory.signed = true;
        if let Some(rival) = rival {
            memory.rival = Some((rival, Instant::now()));
        }
    });
}

/// A platform that cannot be parsed has a status too, and the status may be what cannot be parsed.
async fn latest(
    api: &Api<CreatorPlatform>,
    subject: &Subject,
) -> Result<Option<PlatformStatus>, Error> {
    match api.get_opt(&subject.name.name).await {
        Ok(found) => Ok(found.and_then(|platform| platform.status)),
        Err(kube::Error::SerdeError(_)) => Ok(None),
        Err(source) => Err(Error::Read {
            what: "the current status".to_owned(),
            source,
        }),
    }
}

/// The UID keeps this status off a platform that was deleted and created again under its name.
async fn write(
    _permit: &Permit<'_>,
    api: &Api<CreatorPlatform>,
    subject: &Subject,
    status: &PlatformStatus,
) -> Result<(), Error> {
    let body = json!({
        "apiVersion": CreatorPlatform::api_version(&()),
        "kind": CreatorPlatform::kind(&()),
        "metadata": {"name": subject.name.name, "uid": subject.uid},
        "status": status,
    });
    let params = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    let written = api
        .patch_status(&subject.name.name, &params, &Patch::Apply(body))
        .await;
    match written {
        Ok(_) | Err(kube::Error::SerdeError(_)) => Ok(()),
        Err(error) => Err(Error::Status(error)),
    }
}

/// Publishes one event for each condition that changed. A failure is only logged: the status, not
/// the event, is what users rely on.
pub(crate) async fn announce(
    context: &Context,
    subject: &ObjectReference,
    before: &[Condition],
    after: &[Condition],
) {
    for condition in after {
        let old = before.iter().find(|old| old.kind == condition.kind);
        if !is_worth_an_event(old, condition) {
            continue;
        }
        let event = Event {
            type_: severity(condition),
            reason: condition.reason.clone(),
            note: Some(condition.message.chars().take(NOTE_MAX).collect()),
            action: condition.kind.clone(),
            secondary: None,
        };
        if let Err(error) = context.recorder.publish(&event, subject).await {
            tracing::warn!(%error, reason = condition.reason, "event could not be published");
        }
    }
}

/// A condition emits an event when its status changes, or when a problem has another reason than
/// before. `Reconciling` adds no information, so it emits no event; neither does an initial
/// `Stalled=False`.
fn is_worth_an_event(old: Option<&Condition>, new: &Condition) -> bool {
    let holds = new.status == ConditionStatus::True;
    let Some(old) = old else {
        return new.kind != "Reconciling" && (holds || severity(new) == EventType::Warning);
    };
    let turned = old.status != new.status;
    match new.kind.as_str() {
        "Reconciling" => false,
        "Stalled" => turned || (holds && old.reason != new.reason),
        _ => turned || (old.reason != new.reason && severity(new) == EventType::Warning),
    }
}

/// A Warning asks for attention; waiting for pods does not.
fn severity(condition: &Condition) -> EventType {
    let stalled = condition.kind == "Stalled" && condition.status == ConditionStatus::True;
    let failed = Reason::from_name(&condition.reason).is_some_and(Reason::is_warning);
    if stalled || (failed && condition.status != ConditionStatus::True) {
        EventType::Warning
    } else {
        EventType::Normal
    }
}
