//! Background work.

pub(crate) mod answer;
