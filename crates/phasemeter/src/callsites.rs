//! What a thread knows of the places that open its spans: which field is what, and the names that came last. Most spans
//! are recognised by it without copying anything.

use std::cell::RefCell;
use std::sync::Arc;

use phasemeter_core::{MAX_COUNT, MAX_VALUE_BYTES, Outcome, bounded_value};
use tracing::Metadata;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::span::Attributes;

use crate::fields::{PHASE_DETAILED, PHASE_NAME, Role};
use crate::guard::EXACT_TARGET;
use crate::plain::PlainSpan;
use crate::seats;

/// The names of a phase, and so its cell.
#[derive(Debug)]
pub(crate) struct Names {
    /// What seats are found by.
    pub(crate) handle: u64,
    /// Nothing for the base.
    pub(crate) pipeline: Option<Arc<str>>,
    /// Whether the span, or one around it, said so.
    pub(crate) has_pipeline: bool,
    /// What they came from.
    pub(crate) said: Said,
    /// The same, where a text of it is too long to be a label.
    shortened: Option<Box<Said>>,
}

/// What names are looked for beside what the span says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Around {
    /// How often the pipeline of phases that name none has changed.
    pub(crate) epoch: u64,
    /// Of the nearest phase around the span.
    pub(crate) pipeline: Option<Arc<str>>,
}

/// One place that opens spans, for one layer.
pub(crate) struct Callsite {
    key: Key,
    roles: Box<[Role]>,
    known: Vec<Known>,
    /// The place in `known` of what was found last.
    last: usize,
    /// Where the next one goes that finds no place of its own.
    next: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    metadata: usize,
    layer: u64,
    /// Which fields are labels is known only then.
    is_set_up: bool,
}

/// Names, and what was around the span when it said them.
struct Known {
    around: Around,
    names: Arc<Names>,
}

/// What a span says of its names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    pub(crate) phase: String,
    pub(crate) pipeline: Option<String>,
    /// By their fields, in the order in which they came.
    pub(crate) labels: Vec<(&'static str, String)>,
}

/// With more labels than these a span is read in full.
const MOST_LABELS: usize = 32;

/// So many names of one place are kept.
const MOST_KNOWN: usize = 32;

/// So many places are kept, each where its number has one; the last one that came is there.
const CALLSITES: usize = 128;

thread_local! {
    static KNOWN_CALLSITES: RefCell<Vec<Option<Box<Callsite>>>> = const { RefCell::new(Vec::new()) };
    static JUDGED: [RefCell<Option<(Identifier, Judgement)>>; JUDGEMENTS] =
        const { [const { RefCell::new(None) }; JUDGEMENTS] };
}

const JUDGEMENTS: usize = 16;

/// What a callsite is to us, whatever the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Whether its spans are phases, measured or not.
    pub(crate) is_phase: bool,
    /// Whether they are marked as detailed.
    pub(crate) is_detailed: bool,
}

impl Judgement {
    pub(crate) fn of(metadata: &Metadata<'_>) -> Self {
        let has = |name| metadata.fields().field(name).is_some();
        let is_phase = metadata.is_span() && metadata.target() != EXACT_TARGET && has(PHASE_NAME);
        Self { is_phase, is_detailed: is_phase && has(PHASE_DETAILED) }
    }
}

impl Key {
    pub(crate) fn of(metadata: &'static Metadata<'static>, layer: u64, is_set_up: bool) -> Self {
        Self { metadata: std::ptr::from_ref(metadata) as usize, layer, is_set_up }
    }

    #[inline]
    fn place(self) -> usize {
        // Metadata stands on addresses that are divided by 8.
        (self.metadata >> 3).wrapping_mul(31).wrapping_add(self.layer as usize) % CALLSITES
    }
}

impl Callsite {
    /// What this thread knows of it. It is not there until it is put back, so that a value that opens a span of the same
    /// place, while it is written out, finds none, and makes one.
    pub(crate) fn take(key: Key) -> Option<Box<Self>> {
        let taken = KNOWN_CALLSITES.try_with(|callsites| callsites.borrow_mut().get_mut(key.place())?.take());
        taken.ok().flatten().filter(|callsite| callsite.key == key)
    }

    pub(crate) fn new(key: Key, metadata: &Metadata<'_>, label_fields: &[String]) -> Box<Self> {
        let roles = metadata.fields().iter().map(|field| Role::of(field.name(), label_fields)).collect();
        Box::new(Self { key, roles, known: Vec::new(), last: 0, next: 0 })
    }

    pub(crate) fn put_back(self: Box<Self>) {
        let place = self.key.place();
        // In a thread that is going away it is dropped.
        let _gone = KNOWN_CALLSITES.try_with(|callsites| {
            let mut callsites = callsites.borrow_mut();
            if callsites.is_empty() {
                callsites.resize_with(CALLSITES, || None);
            }
            callsites[place] = Some(self);
        });
    }

    /// The span, where it says what the last one of its place said, and else nothing but counts and an outcome that are
    /// in order.
    #[inline]
    pub(crate) fn recognise(key: Key, attributes: &Attributes<'_>, around: &Around) -> Option<PlainSpan> {
        // No value is written out meanwhile, so that none can open a span and come here again.
        let recognise = |callsites: &RefCell<Vec<Option<Box<Self>>>>| {
            let callsites = callsites.borrow();
            let own = callsites.get(key.place())?.as_ref().filter(|own| own.key == key)?;
            own.glance(attributes, around)
        };
        KNOWN_CALLSITES.try_with(recognise).ok().flatten()
    }

    #[inline]
    fn glance(&self, attributes: &Attributes<'_>, around: &Around) -> Option<PlainSpan> {
        let known = self.known.get(self.last).filter(|known| known.around == *around)?;
        let mut glance = Glance {
            roles: &self.roles,
            said: &known.names.said,
            is_sure: true,
            names: 0,
            counts: [None; 2],
            outcome: None,
        };
        attributes.record(&mut glance);
        if !glance.is_sure || known.names.said.labels.len() > MOST_LABELS || glance.names != known.names.said.mask() {
            return None;
        }
        let [items, bytes] = glance.counts;
        Some(PlainSpan::of(known.names.clone(), items, bytes, glance.outcome))
    }

    /// The names of what was said, remembered. `find` makes them, and tells where there were none.
    pub(crate) fn names(&mut self, around: Around, said: Said, make: impl FnOnce(Said) -> Names) -> Arc<Names> {
        if let Some(place) = self.known.iter().position(|known| known.names.said == said && known.around == around) {
            self.last = place;
            return self.known[place].names.clone();
        }
        let names = Arc::new(make(said));
        if names.shortened.is_some() {
            // Not kept: there is no end to how long it may be.
            return names;
        }
        let known = Known { around, names: names.clone() };
        if self.known.len() < MOST_KNOWN {
            self.last = self.known.len();
            self.known.push(known);
        } else {
            self.last = self.next;
            self.next = (self.next + 1) % MOST_KNOWN;
            self.known[self.last] = known;
        }
        names
    }
}

impl Names {
    pub(crate) fn new(pipeline: Option<Arc<str>>, has_pipeline: bool, said: Said) -> Self {
        let is_long = |text: &str| text.len() > MAX_VALUE_BYTES;
        let is_any_long = is_long(&said.phase) || said.labels.iter().any(|(_, value)| is_long(value));
        let shortened = is_any_long.then(|| Box::new(said.shortened()));
        Self { handle: seats::next_handle(), pipeline, has_pipeline, said, shortened }
    }

    /// What they came from, as it is shown.
    pub(crate) fn shown(&self) -> &Said {
        self.shortened.as_deref().unwrap_or(&self.said)
    }
}

impl Said {
    fn shortened(&self) -> Self {
        let shortened = |text: &String| bounded_value(text).into_owned();
        let labels = self.labels.iter().map(|(field, value)| (*field, shortened(value))).collect();
        Self { phase: shortened(&self.phase), pipeline: self.pipeline.clone(), labels }
    }

    /// One bit each that is there: phase, pipeline, labels.
    fn mask(&self) -> u64 {
        let labels = (1_u64 << self.labels.len().min(MOST_LABELS)) - 1;
        1 | u64::from(self.pipeline.is_some()) << 1 | labels << 2
    }
}

/// Compares what a span says with what is known, and copies nothing.
struct Glance<'a> {
    roles: &'a [Role],
    said: &'a Said,
    /// Whether nothing came that has to be looked at more closely.
    is_sure: bool,
    /// Which names were as they are known, by their bits.
    names: u64,
    /// Items and bytes.
    counts: [Option<u64>; 2],
    outcome: Option<Outcome>,
}

impl Glance<'_> {
    #[inline]
    fn role(&self, field: &Field) -> Role {
        self.roles.get(field.index()).copied().unwrap_or(Role::None)
    }

    #[inline]
    fn count(&mut self, field: &Field, count: Option<u64>) {
        let count = count.filter(|count| *count <= MAX_COUNT);
        match self.role(field) {
            Role::None => {}
            Role::Items if count.is_some() => self.counts[0] = count,
            Role::Bytes if count.is_some() => self.counts[1] = count,
            _ => self.is_sure = false,
        }
    }
}

impl Visit for Glance<'_> {
    #[inline]
    fn record_str(&mut self, field: &Field, value: &str) {
        let bit = match self.role(field) {
            Role::None => return,
            Role::Phase if self.said.phase == value => Some(0),
            Role::Pipeline if self.said.pipeline.as_deref() == Some(value) => Some(1),
            Role::Label(own) => {
                let is_known = |(field, known): &(&str, String)| *field == own && known == value;
                self.said.labels.iter().take(MOST_LABELS).position(is_known).map(|place| place + 2)
            }
            Role::Outcome => {
                self.outcome = Outcome::parse(value);
                self.is_sure &= self.outcome.is_some();
                return;
            }
            _ => None,
        };
        // A name that comes twice is not told apart here.
        let bit = bit.map_or(0, |bit| 1_u64 << bit);
        self.is_sure &= bit != 0 && self.names & bit == 0;
        self.names |= bit;
    }

    #[inline]
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.count(field, Some(value));
    }

    #[inline]
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.count(field, u64::try_from(value).ok());
    }

    #[inline]
    fn record_bool(&mut self, field: &Field, _value: bool) {
        self.is_sure &= matches!(self.role(field), Role::None);
    }

    fn record_debug(&mut self, field: &Field, _value: &dyn std::fmt::Debug) {
        self.is_sure &= matches!(self.role(field), Role::None);
    }
}

/// What the callsite of this metadata is to us; known after the first time.
#[inline]
pub(crate) fn judged(metadata: &Metadata<'_>) -> Judgement {
    if !metadata.is_span() {
        return Judgement { is_phase: false, is_detailed: false };
    }
    let place = (std::ptr::from_ref(metadata) as usize >> 3) % JUDGEMENTS;
    let callsite = metadata.callsite();
    let known = |judged: &[RefCell<Option<(Identifier, Judgement)>>; JUDGEMENTS]| {
        let mut judged = judged[place].borrow_mut();
        match &*judged {
            Some((own, judgement)) if *own == callsite => *judgement,
            Some(_) | None => {
                let judgement = Judgement::of(metadata);
                *judged = Some((callsite, judgement));
                judgement
            }
        }
    };
    JUDGED.with(known)
}
