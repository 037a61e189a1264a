//! Rules about the machine: GPUs that starve, batches, memory, space, and what measuring costs.

use crate::analysis::advice::windows::Windows;
use crate::analysis::advice::{Advice, Case, OfPhase, Rule, Severity};
use crate::words::percent;

fn at_most(value: Option<f64>, limit: f64) -> bool {
    value.is_some_and(|value| value < limit)
}

fn above(value: Option<f64>, limit: f64) -> bool {
    value.is_some_and(|value| value > limit)
}

/// A share that may not have been measured.
fn shown(share: Option<f64>) -> String {
    share.map_or("not measured".to_owned(), percent)
}

impl OfPhase<'_> {
    /// A GPU that is idle because its phase waits for input; what helps depends on what else is full.
    pub(super) fn feed_the_gpu(&self) -> Option<Advice> {
        let limits = &self.case.analysis.limits;
        if !self.usage.is_on_gpu() {
            return None;
        }
        let starves = |starving: f64| {
            self.windows
                .mostly(|phase, machine| at_most(machine.gpu, limits.gpu_idle) && phase.waiting_in_share() > starving)
        };
        if !starves(limits.starving) {
            return None;
        }
        let waits_for_disk = self
            .windows
            .mostly(|_, machine| above(machine.io_wait, limits.io_wait) || above(machine.disk_busy, limits.disk_busy));
        let (rule, action, cause) = if waits_for_disk {
            let cause = format!("iowait > {} or disk > {}", percent(limits.io_wait), percent(limits.disk_busy));
            (Rule::FasterStorage, "stage the input on a faster or local disk", cause)
        } else if self.windows.mostly(|_, machine| above(machine.cpu, limits.cpu_full)) {
            let cause = format!("CPU > {}", percent(limits.cpu_full));
            (Rule::CheapenCpuWork, "more workers will not help: move CPU work elsewhere, or make it cheaper", cause)
        } else if self.windows.mostly(|_, machine| at_most(machine.cpu, limits.cpu_free)) {
            let cause = format!("CPU < {}", percent(limits.cpu_free));
            (Rule::FeedTheGpu, "give its input more loader workers, and prefetch", cause)
        } else {
            return None;
        };
        let waiting = self.windows.mean(|phase, _| Some(phase.waiting_in_share())).unwrap_or(0.0);
        let evidence = format!(
            "GPU {}, {} waits for input {} of its time, CPU {}, iowait {}, disk {}",
            shown(self.windows.mean(|_, machine| machine.gpu)),
            self.usage.name,
            percent(waiting),
            shown(self.windows.mean(|_, machine| machine.cpu)),
            shown(self.windows.mean(|_, machine| machine.io_wait)),
            shown(self.windows.mean(|_, machine| machine.disk_busy)),
        );
        let threshold = format!(
            "GPU < {}, waiting > {} (high > {}), {cause}",
            percent(limits.gpu_idle),
            percent(limits.starving),
            percent(limits.starving_badly)
        );
        let severity = if starves(limits.starving_badly) { Severity::High } else { Severity::Normal };
        Some(Advice { severity, gain: self.gain(waiting), ..self.advise(rule, action, evidence, threshold) })
    }

    /// There is room on everything.
    pub(super) fn bigger_batch(&self) -> Option<Advice> {
        let limits = &self.case.analysis.limits;
        let gpu = self.windows.p95(|_, machine| machine.gpu)?;
        let memory = self.windows.p95(|_, machine| machine.gpu_memory)?;
        let cpu = self.windows.p95(|_, machine| machine.cpu)?;
        let has_room = gpu < limits.batch_gpu && memory < limits.batch_gpu_memory && cpu < limits.batch_cpu;
        // One that waits for others will not work faster for taking more at once.
        let waits = self.windows.mostly(|phase, _| {
            phase.waiting_in_share() > limits.starving || phase.waiting_out_share() > limits.blocked
        });
        if !self.usage.is_on_gpu() || !has_room || waits {
            return None;
        }
        let evidence = format!(
            "95 % of the time GPU < {}, GPU memory < {}, CPU < {}",
            percent(gpu),
            percent(memory),
            percent(cpu)
        );
        let threshold = format!(
            "95th percentiles: GPU < {}, GPU memory < {}, CPU < {}",
            percent(limits.batch_gpu),
            percent(limits.batch_gpu_memory),
            percent(limits.batch_cpu)
        );
        let gain = self.gain(1.0 - gpu);
        Some(Advice { gain, ..self.advise(Rule::BiggerBatch, "make the batches larger", evidence, threshold) })
    }

    /// The GPU's memory is nearly full.
    pub(super) fn smaller_batch(&self) -> Option<Advice> {
        let limits = &self.case.analysis.limits;
        let is_full = |limit: f64| self.windows.mostly(|_, machine| above(machine.gpu_memory, limit));
        if !self.usage.is_on_gpu() || !is_full(limits.gpu_memory_full) {
            return None;
        }
        let evidence = format!("GPU memory {} full", shown(self.windows.mean(|_, machine| machine.gpu_memory)));
        let threshold = format!(
            "GPU memory > {} (critical {})",
            percent(limits.gpu_memory_full),
            percent(limits.gpu_memory_critical)
        );
        let severity = if is_full(limits.gpu_memory_critical) { Severity::Critical } else { Severity::Normal };
        let action = "make the batches smaller, before an allocation fails";
        Some(Advice { severity, ..self.advise(Rule::SmallerBatch, action, evidence, threshold) })
    }
}

impl Case<'_> {
    pub(super) fn less_memory(&self) -> Option<Advice> {
        let limit = self.analysis.limits.swap_in_bytes_per_s;
        let windows = Windows::of_run(self.state, &self.analysis.limits);
        if !windows.mostly(|_, machine| above(machine.swap_in_bytes_per_s, limit)) {
            return None;
        }
        let mean = windows.mean(|_, machine| machine.swap_in_bytes_per_s).unwrap_or(0.0);
        Some(Advice {
            rule: Rule::LessMemory,
            severity: Severity::High,
            phase: None,
            evidence: format!("{:.1} MB/s are read back from swap", mean / 1e6),
            action: "use fewer workers, smaller batches or a larger machine: memory is short",
            gain: None,
            threshold: format!("swap-in > {:.1} MB/s", limit / 1e6),
        })
    }

    pub(super) fn staging_space(&self) -> Option<Advice> {
        let limit = self.analysis.limits.staging;
        let windows = Windows::of_run(self.state, &self.analysis.limits);
        if !windows.mostly(|_, machine| above(machine.staging_used, limit)) {
            return None;
        }
        let mean = windows.mean(|_, machine| machine.staging_used);
        Some(Advice {
            rule: Rule::StagingSpace,
            severity: Severity::Normal,
            phase: None,
            evidence: format!("the space for intermediate files is {} full", shown(mean)),
            action: "clean up behind the phases, or stage elsewhere",
            gain: None,
            threshold: format!("staging > {}", percent(limit)),
        })
    }

    pub(super) fn lower_the_level(&self) -> Option<Advice> {
        let limit = self.analysis.limits.monitoring;
        let windows = Windows::of_run(self.state, &self.analysis.limits);
        if !windows.mostly(|_, machine| above(machine.monitoring, limit)) {
            return None;
        }
        let mean = windows.mean(|_, machine| machine.monitoring);
        Some(Advice {
            rule: Rule::LowerTheLevel,
            severity: Severity::Normal,
            phase: None,
            evidence: format!("measuring takes {} of the process's time", shown(mean)),
            action: "measure at a lower level",
            gain: mean,
            threshold: format!("measuring > {}", percent(limit)),
        })
    }
}
