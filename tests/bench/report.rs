//! The table: each figure with its goal. A goal that is missed is said, and fails nothing.

use crate::rounds::Series;

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At least.
    Least(f64),
    /// At most.
    Most(f64),
    /// It stands beside another one, to explain it.
    None,
}

/// What a figure is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// A quotient.
    Ratio,
    /// Requests or calls a second.
    PerSecond,
    /// Milliseconds.
    Milliseconds,
    /// Percent.
    Percent,
    /// 2^20 bytes.
    Megabytes,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Self::Ratio => format!("{figure:.2}"),
            Self::PerSecond => format!("{figure:.0} /s"),
            Self::Milliseconds if figure < 10.0 => format!("{figure:.3} ms"),
            Self::Milliseconds => format!("{figure:.1} ms"),
            Self::Percent => format!("{figure:.2} %"),
            Self::Megabytes => format!("{figure:.1} MB"),
        }
    }
}

/// Prints one line; `beside` says what the figure was made of.
pub(crate) fn line(name: &str, goal: Goal, unit: Unit, figures: &Series, beside: &str) {
    let found = figures.median();
    let (wanted, met) = match goal {
        Goal::Least(least) => (format!(">= {}", unit.show(least)), Some(found >= least)),
        Goal::Most(most) => (format!("<= {}", unit.show(most)), Some(found <= most)),
        Goal::None => (String::new(), None),
    };
    let met = met.map_or("", |met| if met { "met" } else { "MISSED" });
    let spread = format!("{}..{}", unit.show(figures.min()), unit.show(figures.max()));
    let found = unit.show(found);
    let line = format!("{name:<49} {wanted:>11} {found:>12} {met:<6} {spread:<24} {beside}");
    println!("{}", line.trim_end());
}

/// A comparison: how near ours comes to the least that does the same work, 1 being equal. Rates are
/// better when they are higher, times when they are lower.
pub(crate) fn compare(name: &str, goal: Goal, unit: Unit, ours: &Series, least: &Series) {
    let ratio = match unit {
        Unit::Milliseconds => least.over(ours),
        _ => ours.over(least),
    };
    let (ours, least) = (unit.show(ours.median()), unit.show(least.median()));
    let beside = format!("{ours} against {least}");
    line(name, goal, Unit::Ratio, &ratio, &beside);
}

/// The names of the columns.
pub(crate) fn head() {
    let (name, goal, found, spread) = ("", "goal", "median", "min..max");
    println!("{name:<49} {goal:>11} {found:>12} {name:<6} {spread:<24} medians of both sides");
}
