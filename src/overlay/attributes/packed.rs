//! Attributes that somebody set, in half of the room: every record has them.

use super::{ChangedAttributes, Timestamp};

/// The same as [`ChangedAttributes`].
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::overlay) struct PackedAttributes {
    times: [PackedTime; 3],
    uid: u32,
    gid: u32,
    mode: u16,
    /// Which of them are set, a bit each in the order above; the others are 0.
    set: u8,
}

/// A [`Timestamp`] without the room at its end.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, packed(4))]
struct PackedTime {
    seconds: i64,
    nanoseconds: u32,
}

impl From<ChangedAttributes> for PackedAttributes {
    fn from(attributes: ChangedAttributes) -> Self {
        let ChangedAttributes { accessed, modified, changed, mode, uid, gid } = attributes;
        let times = [accessed, modified, changed];
        let are_set = times.map(|time| time.is_some()).into_iter().chain([
            uid.is_some(),
            gid.is_some(),
            mode.is_some(),
        ]);
        Self {
            times: times.map(|time| {
                let Timestamp { seconds, nanoseconds } = time.unwrap_or_default();
                PackedTime { seconds, nanoseconds }
            }),
            uid: uid.unwrap_or_default(),
            gid: gid.unwrap_or_default(),
            mode: mode.unwrap_or_default(),
            set: are_set.zip(0..).fold(0, |set, (is_set, bit)| set | u8::from(is_set) << bit),
        }
    }
}

impl From<PackedAttributes> for ChangedAttributes {
    fn from(packed: PackedAttributes) -> Self {
        let is_set = |bit: u8| packed.set & 1 << bit != 0;
        let time = |bit: u8| {
            let PackedTime { seconds, nanoseconds } = packed.times[usize::from(bit)];
            is_set(bit).then_some(Timestamp { seconds, nanoseconds })
        };
        Self {
            accessed: time(0),
            modified: time(1),
            changed: time(2),
            uid: is_set(3).then_some(packed.uid),
            gid: is_set(4).then_some(packed.gid),
            mode: is_set(5).then_some(packed.mode),
        }
    }
}

impl PackedAttributes {
    /// Changes some of them.
    pub(in crate::overlay) fn change(&mut self, change: impl FnOnce(&mut ChangedAttributes)) {
        let mut attributes = (*self).into();
        change(&mut attributes);
        *self = attributes.into();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times() -> impl Strategy<Value = Option<Timestamp>> {
        let time = (any::<i64>(), any::<u32>());
        prop::option::of(time.prop_map(|(seconds, nanoseconds)| Timestamp { seconds, nanoseconds }))
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            (accessed, modified, changed) in (times(), times(), times()),
            (mode, uid, gid) in any::<(Option<u16>, Option<u32>, Option<u32>)>(),
        ) {
            let attributes = ChangedAttributes { accessed, modified, changed, mode, uid, gid };
            let packed = PackedAttributes::from(attributes);
            prop_assert_eq!(ChangedAttributes::from(packed), attributes);
        }
    }
}
