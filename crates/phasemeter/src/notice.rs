//! Telling the user something once: through `tracing` where somebody listens, on stderr where nobody does.

/// Says one line.
pub(crate) fn say(text: &str) {
    if tracing::enabled!(target: "phasemeter", tracing::Level::WARN) {
        tracing::warn!(target: "phasemeter", "{text}");
    } else {
        // A closed stderr is no reason to fail the host.
        let _closed = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("phasemeter: {text}\n"));
    }
}
