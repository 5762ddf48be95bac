//! Words that all services speak: ids, parsed values, pages.
