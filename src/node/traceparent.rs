//! The trace that a call belongs to, as its caller says: a span around the call that carries the ids.

use std::future::Future;

use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};

/// The target of that span, which filters do not affect.
pub(super) const TARGET: &str = "baton::trace";

/// Runs a call below the span that `traceparent` names. `lib/arguments/traceparent.js` has checked it.
pub(super) fn within<F: Future>(traceparent: Option<String>, work: F) -> Instrumented<F> {
    work.instrument(span(traceparent))
}

/// The span that `traceparent` names.
pub(super) fn span(traceparent: Option<String>) -> Span {
    let Some(text) = traceparent else { return Span::none() };
    let mut parts = text.split('-').skip(1);
    match (parts.next(), parts.next()) {
        (Some(trace_id), Some(span_id)) => {
            tracing::error_span!(target: TARGET, "call", trace_id, span_id)
        }
        _ => Span::none(),
    }
}

/// The ids of trace and span, from the fields of such a span.
pub(super) fn ids<'f>(field: impl Fn(&str) -> Option<&'f str>) -> Option<(String, String)> {
    Some((field("trace_id")?.to_owned(), field("span_id")?.to_owned()))
}
