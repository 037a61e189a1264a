//! What is asked each second: temperatures, clocks and what holds them down, engines for video, bytes over PCIe and
//! NVLink.

use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use nvml_wrapper::sys_exports::field_id as id;
use phasemeter_core::catalogue::{
    GPU_CLOCK, GPU_NVLINK_IO, GPU_THROTTLE_ACTIVE, GPU_THROTTLE_TIME, HW_GPU_IO, HW_GPU_UTILIZATION, HW_TEMPERATURE,
};
use phasemeter_core::{Metric, Samples, Value};

use crate::asked::{Asked, Field, Question, Trouble};
use crate::growing::Growing;
use crate::marks::{Marks, level};
use crate::work::{share, task};

const FIELDS: [Field; 10] = [
    Field::new(id::NVML_FI_DEV_POWER_INSTANT),
    Field::new(id::NVML_FI_DEV_MEMORY_TEMP),
    Field::new(id::NVML_FI_DEV_PCIE_COUNT_TX_BYTES),
    Field::new(id::NVML_FI_DEV_PCIE_COUNT_RX_BYTES),
    Field::new(id::NVML_FI_DEV_PERF_POLICY_POWER),
    Field::new(id::NVML_FI_DEV_PERF_POLICY_THERMAL),
    Field::new(id::NVML_FI_DEV_PERF_POLICY_SYNC_BOOST),
    Field::new(id::NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT),
    Field::new(id::NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION),
    Field::new(id::NVML_FI_DEV_PERF_POLICY_RELIABILITY),
];

/// What the last of [`FIELDS`] are about, in their order.
const POLICIES: [&str; 6] = ["power", "thermal", "sync_boost", "board_limit", "low_utilization", "reliability"];

const REASONS: [(&str, ThrottleReasons); 9] = [
    ("idle", ThrottleReasons::GPU_IDLE),
    ("applications_clocks", ThrottleReasons::APPLICATIONS_CLOCKS_SETTING),
    ("sw_power_cap", ThrottleReasons::SW_POWER_CAP),
    ("hw_slowdown", ThrottleReasons::HW_SLOWDOWN),
    ("sync_boost", ThrottleReasons::SYNC_BOOST),
    ("sw_thermal", ThrottleReasons::SW_THERMAL_SLOWDOWN),
    ("hw_thermal", ThrottleReasons::HW_THERMAL_SLOWDOWN),
    ("hw_power_brake", ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN),
    ("display_clocks", ThrottleReasons::DISPLAY_CLOCK_SETTING),
];

/// Bytes over PCIe, sent and received.
#[derive(Debug, Default)]
pub(crate) struct Bus([Growing; 2]);

impl Bus {
    fn sample(&mut self, counts: [Option<u64>; 2], marks: &Marks, out: &mut Samples) {
        let [sent, received] = &mut self.0;
        let [own_sent, own_received] = counts;
        let bytes = [own_sent.map(|count| sent.add(count)), own_received.map(|count| received.add(count))];
        push_directions(&HW_GPU_IO, marks, bytes, out);
    }

    pub(crate) fn interrupt(&mut self) {
        self.0.iter_mut().for_each(Growing::interrupt);
    }
}

/// Reads what every GPU is asked, and returns its power at this instant, in milliwatts.
pub(crate) fn read(asked: &mut Asked, bus: &mut Bus, marks: &Marks, out: &mut Samples) -> Result<Option<u64>, Trouble> {
    let [instant_milliwatts, memory_celsius, sent, received, times @ ..] = asked.fields(FIELDS)?;
    let gpu_celsius = asked.ask(Question::Temperature, |device| device.temperature(TemperatureSensor::Gpu))?;
    for (location, celsius) in [("gpu", gpu_celsius.map(u64::from)), ("memory", memory_celsius)] {
        if let Some(celsius) = celsius {
            out.push(&HW_TEMPERATURE, marks.hardware(&[("hw_sensor_location", location)]), level(celsius));
        }
    }
    bus.sample([sent, received], marks, out);
    for (reason, time_ns) in POLICIES.into_iter().zip(times) {
        if let Some(time_ns) = time_ns {
            out.push(&GPU_THROTTLE_TIME, marks.with(&[("reason", reason)]), Value::Nanos(time_ns));
        }
    }
    if let Some(active) = asked.ask(Question::Throttle, |device| device.current_throttle_reasons())? {
        for (name, reason) in REASONS {
            let is_active = Value::Level(i64::from(active.contains(reason)));
            out.push(&GPU_THROTTLE_ACTIVE, marks.with(&[("reason", name)]), is_active);
        }
    }
    clocks(asked, marks, out)?;
    video(asked, marks, out)?;
    Ok(instant_milliwatts)
}

fn clocks(asked: &mut Asked, marks: &Marks, out: &mut Samples) -> Result<(), Trouble> {
    let clocks = [("graphics", Clock::Graphics), ("sm", Clock::SM), ("memory", Clock::Memory), ("video", Clock::Video)];
    for (number, (name, clock)) in (0..).zip(clocks) {
        if let Some(megahertz) = asked.ask(Question::Clock(number), |device| device.clock_info(clock))? {
            let hertz = u64::from(megahertz) * 1_000_000;
            out.push(&GPU_CLOCK, marks.with(&[("clock", name)]), Value::Count(hertz));
        }
    }
    Ok(())
}

fn video(asked: &mut Asked, marks: &Marks, out: &mut Samples) -> Result<(), Trouble> {
    let encoder = asked.ask(Question::Encoder, |device| device.encoder_utilization())?;
    let decoder = asked.ask(Question::Decoder, |device| device.decoder_utilization())?;
    for (engine, utilization) in [("encoder", encoder), ("decoder", decoder)] {
        if let Some(utilization) = utilization {
            let share = Value::Real(share(utilization.utilization));
            out.push(&HW_GPU_UTILIZATION, task(marks, engine), share);
        }
    }
    Ok(())
}

/// Bytes over all links. The newest GPUs count them; those before count KiB.
pub(crate) fn links(asked: &mut Asked, marks: &Marks, out: &mut Samples) -> Result<(), Trouble> {
    let [sent, received, sent_kib, received_kib] = asked.fields([
        Field::of_all_links(id::NVML_FI_DEV_NVLINK_COUNT_XMIT_BYTES),
        Field::of_all_links(id::NVML_FI_DEV_NVLINK_COUNT_RCV_BYTES),
        Field::of_all_links(id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX),
        Field::of_all_links(id::NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX),
    ])?;
    let bytes = |kibibytes: Option<u64>| kibibytes.map(|kibibytes| kibibytes.saturating_mul(1_024));
    push_directions(&GPU_NVLINK_IO, marks, [sent.or(bytes(sent_kib)), received.or(bytes(received_kib))], out);
    Ok(())
}

/// What a GPU sent and received.
fn push_directions(metric: &'static Metric, marks: &Marks, bytes: [Option<u64>; 2], out: &mut Samples) {
    for (direction, bytes) in ["transmit", "receive"].into_iter().zip(bytes) {
        if let Some(bytes) = bytes {
            out.push(metric, marks.with(&[("network_io_direction", direction)]), Value::Count(bytes));
        }
    }
}
