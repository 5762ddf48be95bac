//! The plan in words: one line per change.

use crate::api::status::PENDING_PLAN_MAX;
use crate::plan::{Change, Item, Plan};

/// Longest line.
const LINE_MAX: usize = 500;

/// How many changes a plan makes.
pub fn count(plan: &Plan) -> usize {
    plan.items()
        .filter(|item| item.change != Change::None)
        .count()
        + plan.prune.len()
}

/// One line per change, at most [`PENDING_PLAN_MAX`] and one that counts the rest.
pub fn lines(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan.items().filter_map(line).collect();
    lines.extend(
        plan.prune
            .iter()
            .map(|pruned| format!("delete {}: {}", pruned.key, pruned.reason)),
    );
    let more = lines.len().saturating_sub(PENDING_PLAN_MAX);
    lines.truncate(PENDING_PLAN_MAX);
    for line in &mut lines {
        if line.len() > LINE_MAX {
            *line = line.chars().take(LINE_MAX).collect();
        }
    }
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn line(item: &Item) -> Option<String> {
    let key = &item.key;
    match &item.change {
        Change::None => None,
        Change::Create => Some(format!("create {key}")),
        Change::Update(paths) => Some(format!("update {key}: {}", paths.join(", "))),
        Change::Replace(why) => Some(format!("replace {key}: {why}")),
        Change::Secret(keys) => Some(format!("generate {key}: {}", keys.join(", "))),
        Change::Lost(keys) => Some(format!(
            "blocked at {key}: the keys {} are lost and not generated again",
            keys.join(", ")
        )),
        Change::Deleting => Some(format!("create {key} when its deletion has finished")),
        Change::Foreign => Some(format!(
            "blocked at {key}: it exists and is not owned by this platform"
        )),
    }
}
