//! The operator's pure half: types, resolve, plan, status. No client, no clock, no async.
