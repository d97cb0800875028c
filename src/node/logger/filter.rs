//! Which records a logger gets: directives as in `RUST_LOG`, such as `warn,baton::commit=debug`.

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};

const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Directives, the most specific first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter(Vec<(String, LevelFilter)>);

impl Filter {
    /// Comma-separated directives: `level` for everything, `target=level` for a target and everything below
    /// it, and `target` for all levels of it. Of several that match, the longest target counts, and of
    /// equally long ones the last. A record that matches no directive is off. The error is the invalid
    /// directive.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut directives = Vec::new();
        for directive in text.split(',').map(str::trim) {
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (target.trim_end(), named(level.trim_start())),
                None => match named(directive) {
                    Some(level) => ("", Some(level)),
                    None => (directive, Some(LevelFilter::TRACE)),
                },
            };
            let is_everything = target.is_empty() && !directive.contains('=');
            match level.filter(|_| is_everything && !directive.is_empty() || is_target(target)) {
                Some(level) => directives.push((target.to_owned(), level)),
                None => return Err(directive.to_owned()),
            }
        }
        // The last of equals comes first, since the sort is stable.
        directives.reverse();
        directives.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        Ok(Self(directives))
    }

    pub(super) fn wants(&self, metadata: &Metadata<'_>) -> bool {
        self.wants_level(metadata.target(), *metadata.level())
    }

    fn wants_level(&self, target: &str, level: Level) -> bool {
        let fitting = self.0.iter().find(|(prefix, _)| is_below(target, prefix));
        fitting.is_some_and(|(_, most)| level <= *most)
    }

    /// The most verbose level that is wanted.
    pub(super) fn most(&self) -> LevelFilter {
        self.0.iter().map(|(_, level)| *level).max().unwrap_or(LevelFilter::OFF)
    }
}

fn named(level: &str) -> Option<LevelFilter> {
    LEVELS.iter().find(|(name, _)| name.eq_ignore_ascii_case(level)).map(|(_, level)| *level)
}

/// Module names, separated by `::`.
fn is_target(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || "_-".contains(char))
    };
    text.split("::").all(is_name)
}

fn is_below(target: &str, prefix: &str) -> bool {
    let rest = target.strip_prefix(prefix);
    prefix.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_target_counts_and_of_equal_ones_the_last() {
        let filter =
            Filter::parse("warn, baton=info,baton::commit=debug ,baton::commit = trace,heed=off").unwrap();
        assert!(filter.wants_level("baton::commit", Level::TRACE));
        assert!(filter.wants_level("baton::read", Level::INFO));
        assert!(!filter.wants_level("baton::read", Level::DEBUG));
        assert!(filter.wants_level("tokio::net", Level::WARN));
        assert!(!filter.wants_level("tokio::net", Level::INFO));
        assert!(!filter.wants_level("heed::env", Level::ERROR));
        assert_eq!(filter.most(), LevelFilter::TRACE);
    }

    #[test]
    fn a_target_ends_at_a_module() {
        let filter = Filter::parse("baton::commit").unwrap();
        assert!(filter.wants_level("baton::commit", Level::TRACE));
        assert!(filter.wants_level("baton::commit::inner", Level::TRACE));
        assert!(!filter.wants_level("baton::commits", Level::ERROR));
        assert!(!filter.wants_level("baton", Level::ERROR));
    }

    #[test]
    fn what_is_no_directive_is_named() {
        for (text, directive) in [
            ("", ""),
            ("info,,warn", ""),
            ("info,baton=loud", "baton=loud"),
            ("=info", "=info"),
            ("a b=info", "a b=info"),
            ("baton::=info", "baton::=info"),
            ("baton[span]=info", "baton[span]=info"),
            ("a=b=info", "a=b=info"),
        ] {
            assert_eq!(Filter::parse(text), Err(directive.to_owned()), "{text:?}");
        }
    }
}
