//! Numbers that users count with, checked on their way in.

/// An integer that may be a count of items or bytes.
pub trait Count {
    /// The count; `None` where it is negative or does not fit.
    fn count(self) -> Option<u64>;
}

macro_rules! integers {
    ($($type:ty),+) => { $(impl Count for $type {
        fn count(self) -> Option<u64> {
            u64::try_from(self).ok()
        }
    })+ };
}

integers!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);
