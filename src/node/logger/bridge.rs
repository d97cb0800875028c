//! The one subscriber of the process: passes records to every logger that wants them.
//!
//! If no logger wants a span or an event, `tracing` caches that once, and its callsite costs a load and a
//! branch.

use std::sync::{Arc, PoisonError, RwLock};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Registry, Scope};

use super::Outlet;
use super::record::{Fields, Record, SpanRecord};
use crate::env::{Env, SystemEnv};
use crate::node::traceparent;

/// The loggers of all threads of Node.
static OUTLETS: RwLock<Vec<Arc<Outlet>>> = RwLock::new(Vec::new());

/// Adds a logger. `false` if the process has a subscriber that is not this one.
pub(super) fn add(outlet: Arc<Outlet>) -> bool {
    static INSTALLED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let installed = *INSTALLED
        .get_or_init(|| tracing::subscriber::set_global_default(Registry::default().with(Bridge)).is_ok());
    if installed {
        OUTLETS.write().unwrap_or_else(PoisonError::into_inner).push(outlet);
        tracing::callsite::rebuild_interest_cache();
    }
    installed
}

/// Removes a logger. It receives nothing that is logged from now on.
pub(super) fn remove(outlet: &Arc<Outlet>) {
    let mut outlets = OUTLETS.write().unwrap_or_else(PoisonError::into_inner);
    let place = outlets.iter().position(|other| Arc::ptr_eq(other, outlet));
    let removed = place.map(|place| outlets.swap_remove(place));
    drop(outlets);
    if removed.is_some() {
        tracing::callsite::rebuild_interest_cache();
    }
}

struct Bridge;

impl Bridge {
    fn is_wanted(metadata: &Metadata<'_>) -> bool {
        let outlets = OUTLETS.read().unwrap_or_else(PoisonError::into_inner);
        // Every logger needs the span that says which trace a call belongs to.
        let is_context = metadata.target() == traceparent::TARGET;
        outlets.iter().any(|outlet| is_context || outlet.filter.wants(metadata))
    }
}

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Bridge {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Filters use only what is known about a callsite beforehand.
        if Self::is_wanted(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        Self::is_wanted(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let outlets = OUTLETS.read().unwrap_or_else(PoisonError::into_inner);
        let most = outlets.iter().map(|outlet| outlet.filter.most()).max();
        // The span of a trace has the level that is on as long as there is a logger.
        most.map(|most| most.max(LevelFilter::ERROR)).or(Some(LevelFilter::OFF))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let outlets: Vec<Arc<Outlet>> = {
            let outlets = OUTLETS.read().unwrap_or_else(PoisonError::into_inner);
            outlets.iter().filter(|outlet| outlet.filter.wants(metadata)).map(Arc::clone).collect()
        };
        if outlets.is_empty() {
            return;
        }
        let record = record(event, &context);
        for outlet in outlets {
            outlet.put(&record);
        }
    }
}

fn record<S: Subscriber + for<'span> LookupSpan<'span>>(
    event: &Event<'_>,
    context: &Context<'_, S>,
) -> Record {
    let metadata = event.metadata();
    let mut fields = Fields::default();
    event.record(&mut fields);
    let (mut spans, mut trace) = (Vec::new(), None);
    for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
        let extensions = span.extensions();
        let Some(fields) = extensions.get::<Fields>() else { continue };
        if span.metadata().target() == traceparent::TARGET {
            trace = traceparent::ids(|name| fields.text(name));
        } else {
            spans.push(SpanRecord { metadata: span.metadata(), fields: fields.clone() });
        }
    }
    // An event without a name of its own is named after its place in the source, which changes.
    let name = metadata.name();
    let name = if name.starts_with("event ") { metadata.target() } else { name };
    Record {
        time_ms: SystemEnv.now_ms(),
        level: *metadata.level(),
        target: metadata.target().to_owned(),
        name: name.to_owned(),
        fields,
        spans,
        trace,
    }
}
