//! Pure rules: nothing here waits, talks or looks at a clock.

pub mod breaker;
pub mod chunking;
pub mod citations;
pub mod crisis;
pub mod embedding;
pub mod extract;
pub mod fusion;
pub mod identity;
pub mod prompt;
pub mod sections;
pub mod terms;
pub mod tokens;
pub mod wording;
