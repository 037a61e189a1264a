//! When a phase was at work at all: stretches that do not overlap, in order. Bounded: the smallest gaps close first.

/// So many are kept.
pub const MAX_STRETCHES: usize = 512;

/// From when to when, in the run's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Its begin.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
}

/// The stretches of one phase.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretches {
    list: Vec<Stretch>,
}

impl Stretches {
    /// Adds one, which may overlap or touch those that are there.
    pub fn add(&mut self, from_ns: u64, to_ns: u64) {
        if to_ns < from_ns {
            return;
        }
        let mut new = Stretch { from_ns, to_ns };
        let first = self.list.partition_point(|stretch| stretch.to_ns < from_ns);
        let behind = self.list.partition_point(|stretch| stretch.from_ns <= to_ns);
        for stretch in self.list.get(first..behind).unwrap_or_default() {
            new.from_ns = new.from_ns.min(stretch.from_ns);
            new.to_ns = new.to_ns.max(stretch.to_ns);
        }
        self.list.splice(first..behind.max(first), [new]);
        if self.list.len() > MAX_STRETCHES {
            self.close_smallest_gap();
        }
    }

    fn close_smallest_gap(&mut self) {
        let gaps = self.list.windows(2).map(|pair| match pair {
            [one, two] => two.from_ns - one.to_ns,
            _ => u64::MAX,
        });
        if let Some((place, _)) = gaps.enumerate().min_by_key(|(_, gap_ns)| *gap_ns) {
            let next = self.list.remove(place + 1);
            if let Some(stretch) = self.list.get_mut(place) {
                stretch.to_ns = next.to_ns;
            }
        }
    }

    /// In order.
    #[must_use]
    pub fn as_slice(&self) -> &[Stretch] {
        &self.list
    }

    /// All together.
    #[must_use]
    pub fn total_ns(&self) -> u64 {
        self.list.iter().map(|stretch| stretch.to_ns - stretch.from_ns).sum()
    }

    /// How long both were at work.
    #[must_use]
    pub fn common_ns(&self, other: &Self) -> u64 {
        let (mut own, mut others) = (self.list.iter().peekable(), other.list.iter().peekable());
        let mut common_ns = 0;
        while let (Some(one), Some(two)) = (own.peek(), others.peek()) {
            let (from_ns, to_ns) = (one.from_ns.max(two.from_ns), one.to_ns.min(two.to_ns));
            common_ns += to_ns.saturating_sub(from_ns);
            if one.to_ns <= two.to_ns {
                own.next();
            } else {
                others.next();
            }
        }
        common_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stretches(list: &[(u64, u64)]) -> Stretches {
        let mut stretches = Stretches::default();
        list.iter().for_each(|(from_ns, to_ns)| stretches.add(*from_ns, *to_ns));
        stretches
    }

    #[test]
    fn what_overlaps_or_touches_is_one() {
        let list = stretches(&[(10, 20), (40, 50), (15, 30), (30, 35)]);
        assert_eq!(list.as_slice(), [Stretch { from_ns: 10, to_ns: 35 }, Stretch { from_ns: 40, to_ns: 50 }]);
        assert_eq!(list.total_ns(), 35);
    }

    #[test]
    fn the_smallest_gap_closes_where_there_are_too_many() {
        let mut list = Stretches::default();
        (0..MAX_STRETCHES as u64).for_each(|number| list.add(number * 10, number * 10 + 5));
        list.add(MAX_STRETCHES as u64 * 10 - 4, MAX_STRETCHES as u64 * 10);
        assert_eq!(list.as_slice().len(), MAX_STRETCHES);
        assert_eq!(list.as_slice().last(), Some(&Stretch { from_ns: 5_110, to_ns: 5_120 }));
    }

    proptest! {
        #[test]
        fn totals_and_what_is_common_are_those_of_a_grid(
            one in prop::collection::vec((0..90_u64, 0..10_u64), 0..30),
            two in prop::collection::vec((0..90_u64, 0..10_u64), 0..30),
        ) {
            let spans = |list: &[(u64, u64)]| list.iter().map(|(from, long)| (*from, from + long)).collect::<Vec<_>>();
            let (one, two) = (spans(&one), spans(&two));
            let holds = |list: &[(u64, u64)], cell: u64| list.iter().any(|(from, to)| (*from..*to).contains(&cell));
            let cells = |is: &dyn Fn(u64) -> bool| (0..100).filter(|cell| is(*cell)).count() as u64;
            let (first, second) = (stretches(&one), stretches(&two));
            prop_assert_eq!(first.total_ns(), cells(&|cell| holds(&one, cell)));
            prop_assert_eq!(first.common_ns(&second), cells(&|cell| holds(&one, cell) && holds(&two, cell)));
        }
    }
}
