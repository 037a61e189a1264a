//! Every limit that advice and comparison rest on, in one place. They are printed with what they led to.

/// The limits. Shares are from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize, serde::Deserialize), serde(default))]
pub struct Limits {
    /// A run that has not ended and of which nothing was heard for so long is over: its process is gone.
    pub lost_after_s: f64,
    /// What happens before is no evidence: programs warm up.
    pub skip_first_s: f64,
    /// A condition has to hold for more than this share of the phase.
    pub for_share: f64,
    /// Fewer items are not enough to speak of rates and tails.
    pub min_items: u64,
    /// A GPU below is idle.
    pub gpu_idle: f64,
    /// A GPU phase that waits for input for more than this share starves.
    pub starving: f64,
    /// It starves badly.
    pub starving_badly: f64,
    /// Below, processors have room for more workers.
    pub cpu_free: f64,
    /// Above, they have not.
    pub cpu_full: f64,
    /// Processors that wait for a disk.
    pub io_wait: f64,
    /// A disk that is saturated.
    pub disk_busy: f64,
    /// A phase that is held up by the next one for more than this share.
    pub blocked: f64,
    /// A single worker that is at work for more than this share is full.
    pub sink_full: f64,
    /// 95 % of the time below: there is room for a larger batch.
    pub batch_gpu: f64,
    /// The GPU's memory likewise.
    pub batch_gpu_memory: f64,
    /// The processors likewise.
    pub batch_cpu: f64,
    /// A GPU's memory above is nearly full.
    pub gpu_memory_full: f64,
    /// It is about to fail.
    pub gpu_memory_critical: f64,
    /// Fewer workers than this share of those configured are at work.
    pub workers_at_work: f64,
    /// Initialisations that are as many as this share of the items.
    pub initialisations: f64,
    /// Initialisation that takes more than this share of the busy time.
    pub initialisation_time: f64,
    /// Phases whose name contains one of these words are taken for initialisation, where nothing else is declared.
    pub initialisation_words: Vec<String>,
    /// The slowest worker, as a multiple of the median.
    pub skew: f64,
    /// The 99th percentile of an item's time, as a multiple of the median.
    pub tail: f64,
    /// The drain, as a share of the run.
    pub drain: f64,
    /// Overlapping phases has to gain at least this share.
    pub overlap_gain: f64,
    /// Slower than earlier runs by this share.
    pub regression: f64,
    /// Much slower.
    pub regression_high: f64,
    /// Bytes per second read back from swap.
    pub swap_in_bytes_per_s: f64,
    /// The file system for intermediate files.
    pub staging: f64,
    /// What measuring may take itself.
    pub monitoring: f64,
    /// Two runs that differ by less are equal.
    pub change: f64,
    /// So many standard errors are noise.
    pub noise: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lost_after_s: 120.0,
            skip_first_s: 60.0,
            for_share: 0.5,
            min_items: 30,
            gpu_idle: 0.50,
            starving: 0.15,
            starving_badly: 0.30,
            cpu_free: 0.80,
            cpu_full: 0.90,
            io_wait: 0.50,
            disk_busy: 0.90,
            blocked: 0.20,
            sink_full: 0.90,
            batch_gpu: 0.70,
            batch_gpu_memory: 0.70,
            batch_cpu: 0.70,
            gpu_memory_full: 0.90,
            gpu_memory_critical: 0.97,
            workers_at_work: 0.70,
            initialisations: 0.80,
            initialisation_time: 0.10,
            initialisation_words: ["init", "load_model", "load model", "warm"].map(str::to_owned).to_vec(),
            skew: 1.5,
            tail: 2.0,
            drain: 0.05,
            overlap_gain: 0.05,
            regression: 0.10,
            regression_high: 0.25,
            swap_in_bytes_per_s: 1e6,
            staging: 0.80,
            monitoring: 0.01,
            change: 0.05,
            noise: 3.0,
        }
    }
}
