//! Rules about how phases go together: a sink that holds up all, phases that could overlap, a run that became slower.

use crate::analysis::advice::{Advice, Case, OfPhase, Rule, Severity};
use crate::analysis::{PhaseUsage, WhatIf};
use crate::event::Flow;
use crate::words::{percent, rate};

impl OfPhase<'_> {
    /// The next phase has one worker, that worker is full, and this phase waits for it.
    pub(super) fn scale_the_sink(&self) -> Option<Advice> {
        let analysis = self.case.analysis;
        let limits = &analysis.limits;
        let (place, sink) = self.next()?;
        let holds_up = self.windows.mostly_next(place, |own, sink, length_ns| {
            own.waiting_out_share() > limits.blocked && sink.busy_ns as f64 > limits.sink_full * length_ns as f64
        });
        if sink.workers != 1 || !holds_up {
            return None;
        }
        let blocked = self.windows.mean(|phase, _| Some(phase.waiting_out_share())).unwrap_or(0.0);
        let evidence = format!(
            "{} waits for {} {} of its time; {} has one worker, which is full for {} of it",
            self.usage.name,
            sink.name,
            percent(blocked),
            sink.name,
            percent(sink.utilisation.unwrap_or(0.0))
        );
        let threshold =
            format!("held up > {}, one worker behind it full > {}", percent(limits.blocked), percent(limits.sink_full));
        let twice: Result<WhatIf, _> = format!("workers:{}=2", sink.name).parse();
        let gain = twice.ok().and_then(|twice| analysis.what_if(&twice).ok()).map(|answer| answer.shorter);
        let action = "scale the sink: more workers for it, and bigger commits";
        let advice = self.advise(Rule::ScaleTheSink, action, evidence, threshold);
        Some(Advice { gain, phase: Some(sink.name.clone()), severity: Severity::High, ..advice })
    }

    /// The next phase beside this one.
    fn next(&self) -> Option<(usize, &PhaseUsage)> {
        let later = self.case.analysis.phases.iter().enumerate().skip(self.place + 1);
        later.into_iter().find(|(_, phase)| phase.parent == self.usage.parent && !phase.is_initialisation)
    }

    /// Slower than the median of the latest runs.
    pub(super) fn regression(&self) -> Option<Advice> {
        let limits = &self.case.analysis.limits;
        let (usual, runs) = self.case.past.items_per_s(&self.usage.name).filter(|(usual, _)| *usual > 0.0)?;
        let own = self.usage.items_per_s.filter(|_| self.usage.items >= limits.min_items)?;
        let slower = 1.0 - own / usual;
        if slower < limits.regression {
            return None;
        }
        let evidence =
            format!("{} against {} in the last {runs} runs: {} slower", rate(own), rate(usual), percent(slower));
        let threshold = format!("slower by {} (high {})", percent(limits.regression), percent(limits.regression_high));
        let severity = if slower >= limits.regression_high { Severity::High } else { Severity::Normal };
        let action = "compare this run with an earlier one (diff) for the cause";
        Some(Advice { severity, gain: self.gain(slower), ..self.advise(Rule::Regression, action, evidence, threshold) })
    }
}

impl Case<'_> {
    /// One after the other, on devices that do not hinder each other.
    pub(super) fn overlap_phases(&self) -> Option<Advice> {
        let analysis = self.analysis;
        let limits = &analysis.limits;
        if analysis.flow != Flow::Sequential || analysis.wall_ns as f64 / 1e9 <= limits.skip_first_s {
            return None;
        }
        let mut outer: Vec<_> =
            analysis.phases.iter().filter(|phase| phase.parent.is_none() && phase.at_work_ns > 0).collect();
        outer.sort_by_key(|phase| std::cmp::Reverse(phase.at_work_ns));
        let [one, two, ..] = outer.as_slice() else { return None };
        let (first, second) = (one.device.as_deref()?, two.device.as_deref()?);
        let gain = analysis.what_if(&"overlap".parse().ok()?).ok()?;
        if first == second || gain.shorter < limits.overlap_gain {
            return None;
        }
        Some(Advice {
            rule: Rule::OverlapPhases,
            severity: Severity::Normal,
            phase: None,
            evidence: format!(
                "{} ({first}) and {} ({second}) work one after the other: efficiency {:.3}",
                one.name,
                two.name,
                analysis.overlap_efficiency.unwrap_or(1.0)
            ),
            action: "hand items on as soon as they are ready, so that both work at the same time",
            gain: Some(gain.shorter),
            threshold: format!("different devices, gain > {}", percent(limits.overlap_gain)),
        })
    }
}
