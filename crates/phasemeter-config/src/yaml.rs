//! A file as a tree with the line of each key. Of YAML it is what settings need: no aliases, no tags, one document.

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StrInput, options};

/// Something of a file. Never shown as it is: what stands there may be a secret.
#[derive(PartialEq, Eq)]
pub(crate) enum Node {
    /// `is_plain`: without quotes, so that it can be a number or a switch.
    Word {
        text: String,
        is_plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key of a mapping, and what stands behind it.
#[derive(PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// From 1.
    pub(crate) line: usize,
    pub(crate) node: Node,
}

/// Why there is no tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Deeper than any setting, so that nobody's file is refused for it, and shallow enough for any stack.
const MAX_DEPTH: usize = 32;

/// Reads the one document of a text; nothing, where it holds none.
pub(crate) fn read(text: &str) -> Result<Option<Node>, Fault> {
    let mut options = options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
        strict_indentation: true,
        disallow_directives: true,
    };
    options.set_emit_comments(false);
    let mut reader = Reader { events: Parser::new_from_str_with_options(text, options), line: 1 };
    let mut document = None;
    loop {
        match reader.event()? {
            Event::StreamStart | Event::DocumentEnd => {}
            Event::StreamEnd => return Ok(document),
            Event::DocumentStart(..) if document.is_some() => {
                return Err(reader.fault("a second document begins here: settings are one document"));
            }
            Event::DocumentStart(..) => {
                let first = reader.event()?;
                document = Some(reader.node(first)?);
            }
            _ => return Err(reader.fault("this cannot stand here")),
        }
    }
}

struct Reader<'text> {
    events: Parser<'text, StrInput<'text>>,
    /// Of the last event.
    line: usize,
}

impl<'text> Reader<'text> {
    fn event(&mut self) -> Result<Event<'text>, Fault> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                self.line = span.start.line().max(1);
                Ok(event)
            }
            Some(Err(error)) => Err(fault_of(&error)),
            None => Err(self.fault("the file ends too early")),
        }
    }

    fn node(&mut self, event: Event<'text>) -> Result<Node, Fault> {
        match event {
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, _, Some(_))
            | Event::MappingStart(_, _, Some(_)) => {
                Err(self.fault("a tag as !name is not taken: the setting says what its value is"))
            }
            Event::Scalar(text, style, _, None) => {
                Ok(Node::Word { text: text.into_owned(), is_plain: matches!(style, ScalarStyle::Plain) })
            }
            Event::SequenceStart(_, _, None) => self.list(),
            Event::MappingStart(_, _, None) => self.mapping(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                Err(self.fault("an alias as *name is not taken: write the value itself"))
            }
            _ => Err(self.fault("this cannot stand here")),
        }
    }

    fn list(&mut self) -> Result<Node, Fault> {
        let mut entries = Vec::new();
        loop {
            match self.event()? {
                Event::SequenceEnd => return Ok(Node::List(entries)),
                event => entries.push(self.node(event)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Node, Fault> {
        let mut entries = Vec::new();
        loop {
            let event = self.event()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(Node::Mapping(entries));
            }
            let line = self.line;
            let Node::Word { text: key, .. } = self.node(event)? else {
                return Err(Fault { line, message: "a key should be a word".to_owned() });
            };
            let event = self.event()?;
            entries.push(Entry { key, line, node: self.node(event)? });
        }
    }

    fn fault(&self, message: &str) -> Fault {
        Fault { line: self.line, message: message.to_owned() }
    }
}

fn fault_of(error: &ScanError) -> Fault {
    let message = match error.kind() {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            "a tab stands where the line is indented: YAML wants spaces".to_owned()
        }
        ErrorKind::RecursionLimitExceeded => format!("there are more than {MAX_DEPTH} levels in one another"),
        ErrorKind::DirectiveDisallowed => "a directive as %YAML is not taken".to_owned(),
        ErrorKind::UnknownAnchor => "an alias as *name is not taken: write the value itself".to_owned(),
        _ => format!("this is no YAML: {}", error.info()),
    };
    Fault { line: error.marker().line().max(1), message }
}

impl Node {
    /// What it is, with an article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Word { .. } => "a single value",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }

    /// Whether nothing stands there, or a null.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::Word { text, is_plain: true } if crate::shape::is_nothing(text))
    }
}
