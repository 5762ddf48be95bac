//! Redis: key shapes, sessions, limits, wake-up calls.
