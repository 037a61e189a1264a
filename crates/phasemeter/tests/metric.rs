//! `metric!`: an event and an instrument. A process of its own, because the instruments are the process's.

use std::sync::{Arc, Mutex};

use phasemeter::{Meter, Value, catalogue, metric};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// Keeps every event as text.
#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl<S: Subscriber> Layer<S> for Events {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields(event.metadata().target().to_owned());
        event.record(&mut fields);
        self.0.lock().expect("nobody panics").push(fields.0);
    }
}

/// The value of the sample with this name in what a scrape gets.
fn scraped(meter: &Meter, name: &str) -> Option<String> {
    let body = String::from_utf8(meter.render("").1).expect("text");
    body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned))
}

#[test]
fn one_line_is_a_log_event_and_samples() {
    let meter = Meter::builder().environment([]).build();
    let events = Events::default();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(events.clone()), || {
        for latency_ms in [40_u32, 25] {
            metric!("performance", throughput = 25.5, latency_ms = latency_ms);
            metric!("cache", hits += 3, misses += 1);
        }
        // Another line with the same name is the same metric.
        metric!("cache", hits += 0.5);
    });
    let expected = [
        "phasemeter::metric metric=\"performance\" throughput=25.5 latency_ms=40.0",
        "phasemeter::metric metric=\"cache\" hits=3.0 misses=1.0",
        "phasemeter::metric metric=\"performance\" throughput=25.5 latency_ms=25.0",
        "phasemeter::metric metric=\"cache\" hits=3.0 misses=1.0",
        "phasemeter::metric metric=\"cache\" hits=0.5",
    ];
    assert_eq!(*events.0.lock().expect("nobody panics"), expected);
    assert_eq!(scraped(&meter, "performance_throughput").as_deref(), Some("25.5"));
    assert_eq!(scraped(&meter, "performance_latency_ms").as_deref(), Some("25"));
    assert_eq!(scraped(&meter, "cache_hits_total").as_deref(), Some("6.5"));
    assert_eq!(scraped(&meter, "cache_misses_total").as_deref(), Some("2"));

    let dropped = |reason: &str| meter.snapshot().value(&catalogue::DROPPED, &[("reason", reason)]).cloned();
    metric!("performance", throughput = f64::NAN);
    metric!("cache", hits += -1, misses += f64::INFINITY);
    assert_eq!(dropped("invalid_value"), Some(Value::Count(3)));
    assert_eq!(scraped(&meter, "performance_throughput").as_deref(), Some("25.5"));
    assert_eq!(scraped(&meter, "cache_hits_total").as_deref(), Some("6.5"));

    metric!("cache", hits = 7);
    assert_eq!(dropped("metric_clash"), Some(Value::Count(1)));
    assert_eq!(scraped(&meter, "cache_hits_total").as_deref(), Some("6.5"));

    let (left, right) = (1.0, 2.0);
    metric!("swapped", left = right, right = left);
    assert_eq!(scraped(&meter, "swapped_left").as_deref(), Some("2"));
    assert_eq!(scraped(&meter, "swapped_right").as_deref(), Some("1"));

    // The same name for Prometheus, and another for OpenTelemetry; and a gauge that would be called as a counter is.
    metric!("cache.hits", total = 9);
    assert_eq!(dropped("metric_clash"), Some(Value::Count(2)));
    assert_eq!(scraped(&meter, "cache_hits_total").as_deref(), Some("6.5"));

    metric!("huge", sum += f64::MAX);
    metric!("huge", sum += f64::MAX);
    assert_eq!(scraped(&meter, "huge_sum_total"), Some(f64::MAX.to_string()));

    meter.set_level(phasemeter::Level::Off);
    metric!("performance", throughput = 1);
    assert_eq!(scraped(&meter, "performance_throughput").as_deref(), Some("25.5"), "nothing is measured");
}
