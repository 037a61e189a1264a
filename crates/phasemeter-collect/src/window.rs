//! The greatest value and the mean over the last minute, whoever asks and how often. Pure: the time is an argument.

/// What the label `window` says of it.
pub const WINDOW_NAME: &str = "1m";

const CELLS: u64 = 60;
const CELL_NS: u64 = 1_000_000_000;

/// Values of a fixed window that slides by the second. "Since the last scrape" would be another time for each scraper.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// By second, oldest first; not more than [`CELLS`].
    cells: std::collections::VecDeque<Cell>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    second: u64,
    max: f64,
    /// Value times nanoseconds.
    area: f64,
    covered_ns: u64,
}

impl Window {
    /// A value that held for so long up to this moment. One that is not finite is none.
    pub fn add(&mut self, now_ns: u64, value: f64, held_ns: u64) {
        if !value.is_finite() {
            return;
        }
        let second = now_ns / CELL_NS;
        let held_ns = held_ns.max(1);
        match self.cells.back_mut() {
            Some(cell) if cell.second >= second => {
                cell.max = cell.max.max(value);
                cell.area += value * held_ns as f64;
                cell.covered_ns += held_ns;
            }
            Some(_) | None => {
                let area = value * held_ns as f64;
                self.cells.push_back(Cell { second, max: value, area, covered_ns: held_ns });
            }
        }
        while self.cells.front().is_some_and(|cell| cell.second + CELLS <= second) {
            self.cells.pop_front();
        }
    }

    /// The greatest of the last minute before `now_ns`; `None` where there was none.
    #[must_use]
    pub fn max(&self, now_ns: u64) -> Option<f64> {
        self.within(now_ns).map(|cell| cell.max).reduce(f64::max)
    }

    /// The mean of the last minute before `now_ns`, each value by how long it held.
    #[must_use]
    pub fn mean(&self, now_ns: u64) -> Option<f64> {
        let (area, covered_ns) = self
            .within(now_ns)
            .fold((0.0, 0), |(area, covered_ns), cell| (area + cell.area, covered_ns + cell.covered_ns));
        (covered_ns > 0).then(|| area / covered_ns as f64)
    }

    fn within(&self, now_ns: u64) -> impl Iterator<Item = &Cell> {
        let second = now_ns / CELL_NS;
        self.cells.iter().filter(move |cell| cell.second + CELLS > second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = CELL_NS;

    #[test]
    fn a_peak_is_seen_for_a_minute_and_no_longer() {
        let mut window = Window::default();
        assert_eq!((window.max(0), window.mean(0)), (None, None));
        window.add(0, 9.0, SECOND_NS);
        for second in 1..=59 {
            window.add(second * SECOND_NS, 1.0, SECOND_NS);
            assert_eq!(window.max(second * SECOND_NS), Some(9.0), "{second}");
        }
        window.add(60 * SECOND_NS, 1.0, SECOND_NS);
        assert_eq!((window.max(60 * SECOND_NS), window.mean(60 * SECOND_NS)), (Some(1.0), Some(1.0)));
        assert_eq!((window.max(120 * SECOND_NS), window.mean(120 * SECOND_NS)), (None, None));
    }

    #[test]
    fn a_mean_weighs_each_value_by_how_long_it_held() {
        let mut window = Window::default();
        window.add(SECOND_NS, 1.0, SECOND_NS * 9 / 10);
        window.add(SECOND_NS, 11.0, SECOND_NS / 10);
        let mean = window.mean(SECOND_NS).expect("two values");
        assert!((mean - 2.0).abs() < 1e-9, "{mean}");
    }

    #[test]
    fn ten_values_a_second_take_no_more_memory_than_one() {
        let mut window = Window::default();
        for tenth in 0..10_000 {
            window.add(tenth * SECOND_NS / 10, f64::from(u32::try_from(tenth).expect("small")), SECOND_NS / 10);
        }
        assert_eq!(window.cells.len(), 60);
        window.add(0, f64::NAN, 1);
        assert_eq!(window.max(1_000 * SECOND_NS), Some(9_999.0));
    }
}
