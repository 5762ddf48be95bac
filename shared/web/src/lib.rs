//! What every HTTP service of the platform does the same way.
